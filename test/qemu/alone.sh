# SPDX-License-Identifier: GPL-2.0-only
# The part of dispatcher.sh for kernels that have freplace and refuse this libxdp's dispatcher:
# since 6.13 (and 6.12's stable series), with libxdp before 1.5. Sourced with the agent running.
expect_text "which is said in the log" "refuses libxdp's dispatcher" cat "$DIR/agent.log"
expect_equal "said once" 1 "$(grep -c "refuses libxdp's dispatcher" "$DIR/agent.log")"
expect "packets are balanced by the program alone" balanced
on box xdp-filter load -m native lb0 >/dev/null 2>&1
expect_equal "another program is refused" 1 "$([ $? != 0 ] && echo 1)"
expect_no_text "and isn't there" xdpfilt programs lb0
expect "packets are balanced after that" balanced

kill_agent
expect "packets pass while there is no agent" get 10.99.0.80
start_agent
setup all_usable
expect_text "the next agent adopts" '"adopted": *true' lbctl --json status
expect "packets are balanced" balanced

configure lb1
expect "reload" reload
expect_no_text "the program is off a device that left" 'prog/xdp' on box ip link show lb0
expect_text "and on the one that came" sluice_root programs lb1
expect "a program is there first" on box xdp-filter load -m native lb0
configure lb0
expect_text "which is said" '(another XDP program|programs \(xdpfilt)' reload
expect_text "and left alone" xdpfilt programs lb0
expect_text "the device that was configured has ours" sluice_root programs lb1
expect "it is removed" on box xdp-filter unload lb0
expect "reload" reload
expect "packets are balanced" balanced

stop_agent
expect_text "teardown" 'detached from 1 device' lb_agent --teardown
expect_no_text "nothing is left on the device" 'prog/xdp' on box ip link show lb0

on be11 "$BUILD/tools/lb-decap/lb-decap" -i eth0 -a 10.99.0.80 >"$DIR/decap.log" 2>&1 &
for _ in $(seq 50); do on be11 ip link show eth0 | grep -q prog/xdp && break; sleep 0.1; done
expect_text "lb-decap attaches, too" 'sluice_decap' on be11 xdp-loader status eth0
expect "and detaches" on be11 "$BUILD/tools/lb-decap/lb-decap" -i eth0 --detach
expect_no_text "nothing is left on its device" 'prog/xdp' on be11 ip link show eth0
