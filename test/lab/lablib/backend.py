# SPDX-License-Identifier: GPL-2.0-only
"""A backend: a namespace that holds the VIPs on lo, and real servers in it."""

import fcntl
import hashlib
import os
import socket
import struct
import sys

from . import paths
from .netns import Namespace
from .wait import wait_until

_NGINX_CONF = """\
daemon off;
user root;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    default_type application/octet-stream;
    sendfile on;
    server {{
        listen 0.0.0.0:80 backlog=4096;
        listen [::]:80 ipv6only=on backlog=4096;
        add_header X-Backend {name} always;
        location = / {{ return 200 "{name}\\n"; }}
        location = /healthz {{
            if (-f {dir}/sick) {{ return 503 "sick\\n"; }}
            return 200 "ok\\n";
        }}
        # /data?rate=N limits the download to N bytes a second.
        location = /data {{ alias {data}; limit_rate $arg_rate; }}
    }}
}}
"""


class Backend:
    def __init__(self, lab, name, v4, v6):
        self.lab = lab
        self.name = name
        self.v4 = v4
        self.v6 = v6
        self.ns = Namespace(f"{lab.tag}-{name}")
        self.dir = os.path.join(lab.dir, name)
        self.nginx = None
        self.decap = None

    def address(self, version):
        return self.v4 if version == 4 else self.v6

    def configure(self):
        ns = self.ns
        # The VIPs are ours, but only the box may be asked for them: never answer ARP for what
        # is on lo. (IPv6 answers neighbour solicitations per device anyway.)
        ns.sysctl("net.ipv4.conf.all.arp_ignore", 1)
        ns.sysctl("net.ipv4.conf.all.arp_announce", 2)
        ns.ip("link set eth0 up", f"addr add {self.v4}/24 dev eth0",
              f"addr add {self.v6}/64 dev eth0 nodad",
              "route add default via 10.77.1.1", "route add ::/0 via fd77:1::1",
              *(f"addr add {vip}/{'128' if ':' in vip else '32'} dev lo"
                + (" nodad" if ":" in vip else "") for vip in self.lab.vips))
        os.mkdir(self.dir)

    def mac(self):
        with self.ns.enter():
            return link_mac("eth0")

    # nginx

    def start_nginx(self):
        conf = os.path.join(self.dir, "nginx.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(_NGINX_CONF.format(name=self.name, dir=self.dir, data=data_file(self.lab)))
        self.nginx = self.lab.start(f"nginx-{self.name}", ["nginx", "-p", self.dir, "-c", conf,
                                                           "-e", f"{self.dir}/error.log"], self.ns)
        return self.nginx

    def stop_nginx(self):
        self.nginx.stop()

    def wait_nginx(self):
        wait_until(lambda: self._listens(80), 10,
                   lambda: f"nginx on {self.name}: {self.nginx.log()}")

    def _listens(self, port):
        return self.ns.run("ss", "-Hltn", f"sport = :{port}").stdout.count("LISTEN") >= 2

    def set_sick(self, sick):
        """Whether /healthz answers 503."""
        path = os.path.join(self.dir, "sick")
        if sick:
            with open(path, "w", encoding="ascii"):
                pass
        elif os.path.exists(path):
            os.unlink(path)

    # UDP and iperf3

    def start_udp_echo(self, addresses, port):
        script = os.path.join(os.path.dirname(__file__), "udp_echo.py")
        process = self.lab.start(f"echo-{self.name}", [sys.executable, script, self.name, str(port),
                                                       *addresses], self.ns)
        process.wait_log("ready")
        return process

    def start_iperf(self, address, port):
        """A server bound to `address`: unbound, its UDP replies would not come from the VIP."""
        process = self.lab.start(f"iperf-{self.name}-{address.replace(':', '_')}",
                                 ["iperf3", "-s", "--forceflush", "-B", address, "-p", str(port)],
                                 self.ns)
        process.wait_log("Server listening")
        return process

    # Decapsulation

    def start_decap(self, vips, gue_port=None):
        argv = [paths.binary("lb-decap"), "--interface", "eth0"]
        for vip in vips:
            argv += ["--vip", vip]
        if gue_port is not None:
            argv += ["--gue-port", str(gue_port)]
        self.decap = self.lab.start(f"decap-{self.name}", argv, self.ns, self.lab.bpf_env())
        return self.decap

    def decap_counters(self):
        """What lb-decap has counted, by name."""
        result = self.ns.run(paths.binary("lb-decap"), "--stats", "--interface", "eth0",
                             env=self.lab.bpf_env())
        return {words[1]: int(words[0]) for words in
                (line.split() for line in result.stdout.splitlines()[1:])}

    def wait_decap(self):
        self.decap.wait_log("ready on eth0")


def data_file(lab):
    """A file of random bytes that every backend serves as /data."""
    path = os.path.join(lab.dir, "data.bin")
    if not os.path.exists(path):
        with open(path, "wb") as f:
            f.write(os.urandom(lab.data_bytes))
    return path


def data_sha256(lab):
    with open(data_file(lab), "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def link_mac(device):
    """MAC of a device of the calling thread's namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        reply = fcntl.ioctl(s, 0x8927, struct.pack("16s24x", device.encode()))  # SIOCGIFHWADDR
    return ":".join(f"{b:02x}" for b in reply[18:24])
