# SPDX-License-Identifier: GPL-2.0-only
"""XDP modes of devices over reloads, good ones and bad ones."""

import copy

import pytest

from lablib import config
from lablib.agent import CtlError
from lablib.wait import wait_until

CASES = {"l2-v4": config.CASES["l2-v4"]}
VIP = CASES["l2-v4"][0]
BASE = config.matrix(cases=CASES)


def doc(interfaces=("lb0",), **node):
    result = copy.deepcopy(BASE)
    result["node"].update(interfaces=list(interfaces), **node)
    return result


@pytest.fixture(scope="module")
def shared_site(make_site):
    site = make_site(BASE)
    # A bridge has no native XDP.
    site.lab.box.ip("link add nonative type bridge", "link set nonative up")
    return site


@pytest.fixture
def site(shared_site):
    shared_site.agent.reload(doc(xdp_mode="native"))
    shared_site.agent.reload(doc())
    shared_site.agent.wait_usable()
    return shared_site


def modes(site):
    """{device: mode} by the agent, which must agree with the kernel."""
    shown = {}
    for interface in site.agent.status()["interfaces"]:
        name = interface["name"]
        kernel = site.lab.box.run("ip", "link", "show", name, check=False).stdout
        in_kernel = "generic" if "xdpgeneric" in kernel else "native" if " xdp " in kernel else None
        assert interface["mode"] == in_kernel, f"{name}: {interface}, but {kernel}"
        assert interface["attached"] is (in_kernel is not None)
        shown[name] = in_kernel
    return shown


def test_mode_is_changed_by_a_reload_and_back(site):
    assert modes(site) == {"lb0": "native"}
    site.agent.reload(doc(xdp_mode="generic"))
    assert modes(site) == {"lb0": "generic"}
    site.client.get_many(VIP, 30).assert_clean()
    site.agent.reload(doc(xdp_mode="native"))
    assert modes(site) == {"lb0": "native"}
    site.client.get_many(VIP, 30).assert_clean()


def test_auto_after_generic_is_native_where_the_driver_has_it(site):
    site.agent.reload(doc(("lb0", "nonative"), xdp_mode="generic"))
    assert modes(site) == {"lb0": "generic", "nonative": "generic"}
    site.agent.reload(doc(("lb0", "nonative"), xdp_mode="auto"))
    assert modes(site) == {"lb0": "native", "nonative": "generic"}


def test_mode_that_a_driver_lacks_leaves_the_device_attached_as_it_was(site):
    site.agent.reload(doc(("nonative", "lb0")))
    assert modes(site) == {"nonative": "generic", "lb0": "native"}
    with pytest.raises(CtlError) as e:
        site.agent.reload(doc(("nonative", "lb0"), xdp_mode="native"))
    assert "nonative" in e.value.result.stderr and "native XDP" in e.value.result.stderr
    assert modes(site) == {"nonative": "generic", "lb0": "native"}


def test_mode_is_put_back_when_the_reload_fails_at_another_device(site):
    site.agent.reload(doc(xdp_mode="generic"))
    with pytest.raises(CtlError) as e:
        site.agent.reload(doc(("lb0", "missing0"), xdp_mode="native"))
    assert "missing0" in e.value.result.stderr
    assert modes(site) == {"lb0": "generic"}
    site.client.get_many(VIP, 30).assert_clean()


def test_device_that_is_added_by_a_failed_reload_is_let_go(site):
    with pytest.raises(CtlError):
        site.agent.reload(doc(("lb0", "nonative", "missing0")))
    assert "xdp" not in site.lab.box.run("ip", "link", "show", "nonative").stdout
    assert modes(site) == {"lb0": "native"}


def test_device_that_leaves_the_config_is_let_go(site):
    site.agent.reload(doc(("lb0", "nonative")))
    site.agent.reload(doc())
    assert "xdp" not in site.lab.box.run("ip", "link", "show", "nonative").stdout


def test_device_that_is_renamed_and_back_is_shown_without_an_error(site):
    def nonative():
        return {i["name"]: i for i in site.agent.status()["interfaces"]}["nonative"]

    site.agent.reload(doc(("lb0", "nonative")))
    box = site.lab.box
    box.ip("link set nonative down", "link set nonative name elsewhere")
    wait_until(lambda: not nonative()["present"], 5, "the absence of nonative")
    box.ip("link set elsewhere name nonative", "link set nonative up")
    wait_until(lambda: nonative()["present"], 5, "the return of nonative")
    assert nonative()["attached"] is True and nonative()["error"] is None
