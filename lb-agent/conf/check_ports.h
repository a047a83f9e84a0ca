/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * check_ports.h - VIPs of one address and protocol whose ports overlap: which of them has what.
 */
#ifndef LB_CONF_CHECK_PORTS_H
#define LB_CONF_CHECK_PORTS_H

#include "base/addr.h"
#include "base/portrange.h"
#include "conf/arena.h"
#include "conf/bind.h"
#include "conf/diag.h"

/*
 * `vips` is ROOT_VIPS. A range with more specific VIPs inside gets a note that names them; two
 * ranges of which neither holds the other, and a range of which nothing is left, get a warning;
 * more than PORTRANGE_MAX ranges of one address and protocol are an error. 0 or -ENOMEM.
 */
int check_ports(struct arena *arena, const struct value *vips, struct diag *diag);

#define CHECK_PORTS_TEXT_MAX (LB_ENDPOINT_TEXT_MAX + PORTRANGE_TEXT_MAX)
/* "192.0.2.80:443", "[2001:db8::1]:8000-8099", "192.0.2.80:any". Returns `buf`. */
const char *check_ports_endpoint(const struct lb_addr *address, uint16_t first, uint16_t last,
				 char buf[CHECK_PORTS_TEXT_MAX]);

#endif
