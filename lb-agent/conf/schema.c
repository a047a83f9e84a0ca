/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * schema.c - the field table itself.
 *
 * What is marked LATER is recognised, so that a file written for a later version is refused with
 * "not supported yet" and not with "unknown key"; it appears in no document.
 */
#include "conf/schema.h"

#include <string.h>

#include <lb/abi.h>
#include <lb/gcra.h>

#include "conf/conf.h"

#define LATER(key)                                                                                 \
	{                                                                                          \
		.name = key, .later = true                                                         \
	}
#define OBJECT(text, table, values)                                                                \
	{                                                                                          \
		.title = text, .fields = table, .n_fields = sizeof(table) / sizeof((table)[0]),    \
		.n_values = values                                                                 \
	}

#define MS_PER_HOUR 3600000u

/* node */

static const struct schema_word xdp_modes[] = {
    {"auto", CONF_XDP_AUTO, false,
     "native where the driver has XDP, else generic, which is said in the log"},
    {"native", CONF_XDP_NATIVE, false, "in the driver; an error where it has no XDP"},
    {"generic", CONF_XDP_GENERIC, false, "in the kernel's receive path: works on any device, slow"},
    {0},
};

static const struct schema_field interface_item = {
    .name = "interface",
    .type = SCHEMA_INTERFACE,
    .help = "The name of a network device.",
};

#define SOURCE_HELP(family, bits)                                                                  \
	"The outer source address towards " family " backends. A prefix, written with its "        \
	"length, which is " bits ": each flow has an address of its own in it, so that the "       \
	"queues of a backend's network device share the load. Its addresses end in the bits 01. "  \
	"What is sent to them comes back to the box only if the prefix is routed there, "          \
	"and backends and switches must not filter it as a forged source."

static const struct schema_field tunnel_source_fields[] = {
    [TUNNEL_IPV4] = {.name = "ipv4",
		     .type = SCHEMA_SOURCE_V4,
		     .min = 8,
		     .max = 29,
		     .standard_help = "chosen by the route to the backend",
		     .help = SOURCE_HELP("IPv4", "8 to 29")},
    [TUNNEL_IPV6] = {.name = "ipv6",
		     .type = SCHEMA_SOURCE_V6,
		     .min = 16,
		     .max = 125,
		     .standard_help = "chosen by the route to the backend",
		     .help = SOURCE_HELP("IPv6", "16 to 125") " Of a prefix shorter than 96 bits "
							      "the last 32 bits are used."},
};
static const struct schema_object tunnel_source_object =
    OBJECT("the tunnel source", tunnel_source_fields, TUNNEL_VALUES);

static const struct schema_word gue_checksums[] = {
    {"computed", CONF_CHECKSUM6_COMPUTED, false,
     "computed from the headers, as IPv6 wants it (RFC 8200); zero where the inner packet's own "
     "checksum does not cover all of it (UDP without a checksum, extension headers)"},
    {"zero", CONF_CHECKSUM6_ZERO, false,
     "always zero; the receiver must be one that takes it (RFC 6935, RFC 6936)"},
    {0},
};

#define TEXT_OF(number) #number
#define TEXT(number)	TEXT_OF(number)

static const struct schema_field gue_fields[] = {
    [GUE_PORT] = {.name = "port",
		  .type = SCHEMA_NUMBER,
		  .min = 1,
		  .max = 65535,
		  .standard = TEXT(CONF_GUE_PORT),
		  .help = "The UDP port on which the backends receive."},
    [GUE_VARIANT] = {.name = "variant",
		     .type = SCHEMA_NUMBER,
		     .min = 0,
		     .max = 1,
		     .standard = TEXT(CONF_GUE_VARIANT),
		     .help =
			 "The header between UDP and the packet: 0, the four bytes of Generic UDP "
			 "Encapsulation; 1, none. Linux's 'ip fou add port 6080 gue' and lb-decap "
			 "take both; 'ip fou add port 6080 ipproto 4' takes variant 1."},
    [GUE_IPV6_CHECKSUM] = {.name = "ipv6_checksum",
			   .type = SCHEMA_WORD,
			   .words = gue_checksums,
			   .standard = "computed",
			   .help =
			       "The UDP checksum towards IPv6 backends. Towards IPv4 backends it "
			       "is zero."},
};
static const struct schema_object gue_object = OBJECT("the gue settings", gue_fields, GUE_VALUES);

static const struct schema_field node_fields[] = {
    [NODE_INTERFACES] = {.name = "interfaces",
			 .type = SCHEMA_LIST,
			 .required = true,
			 .min = 1,
			 .max = 64,
			 .item = &interface_item,
			 .help = "The network devices on which packets for the VIPs arrive. The "
				 "XDP program is attached to each of them."},
    [NODE_XDP_MODE] = {.name = "xdp_mode",
		       .type = SCHEMA_WORD,
		       .words = xdp_modes,
		       .standard = "auto",
		       .help = "Where the XDP program runs."},
    [NODE_SEED] = {.name = "seed",
		   .type = SCHEMA_SEED,
		   .min = 0,
		   .max = UINT64_MAX,
		   .standard = "0x536c75696365",
		   .help =
		       "The key of the hash that spreads flows over backends, decimal or "
		       "hexadecimal. Boxes that serve the same VIPs must have the same seed, "
		       "or a flow that changes boxes changes backends; the default is fixed, so "
		       "that boxes without the key agree. Set a secret one where clients "
		       "could gain by choosing their backend."},
    [NODE_TUNNEL_SOURCE] = {.name = "tunnel_source",
			    .type = SCHEMA_OBJECT,
			    .object = &tunnel_source_object,
			    .help = "The outer source addresses of encapsulated packets "
				    "(forward: ipip, gue)."},
    [NODE_GUE] = {.name = "gue",
		  .type = SCHEMA_OBJECT,
		  .object = &gue_object,
		  .standard_help = "the defaults of its keys",
		  .help = "How packets of VIPs with forward: gue are encapsulated."},
    LATER("metrics"),
    LATER("drain_time"),
};
static const struct schema_object node_object = OBJECT("the node", node_fields, NODE_VALUES);

/* pools */

static const struct schema_word backend_states[] = {
    {"active", CONF_BACKEND_ACTIVE, false, "takes flows by its weight"},
    {"drain", CONF_BACKEND_DRAIN, false, "takes no new flows"},
    {"remove", 0, true, NULL},
    {0},
};

static const struct schema_field backend_fields[] = {
    [BACKEND_ADDRESS] = {.name = "address",
			 .type = SCHEMA_ADDRESS,
			 .required = true,
			 .help = "The backend's own address, by which it is reached and probed. "
				 "It is given once in a pool, and is no VIP's address."},
    [BACKEND_WEIGHT] = {.name = "weight",
			.type = SCHEMA_NUMBER,
			.min = 0,
			.max = 65535,
			.standard = "100",
			.help = "The backend's share of the pool's flows, relative to the weights "
				"of the others. 0 is the same as state: drain."},
    [BACKEND_STATE] = {.name = "state",
		       .type = SCHEMA_WORD,
		       .words = backend_states,
		       .standard = "active",
		       .help = "What the operator wants of the backend."},
    [BACKEND_QUIC_ID] = {.name = "quic_id",
			 .type = SCHEMA_SEED,
			 .min = 1,
			 .max = LB_QUIC_ID_MAX,
			 .standard_help = "none",
			 .help =
			     "The backend's id in the connection ids that its QUIC server gives "
			     "out, decimal or hexadecimal; each is given once in a pool. "
			     "Wanted where a VIP with affinity: quic uses the pool; see QUIC "
			     "CONNECTION IDS. The pool takes 2 bytes of memory an id up to the "
			     "largest."},
    LATER("remove"),
    LATER("port"),
};
static const struct schema_object backend_object =
    OBJECT("a backend", backend_fields, BACKEND_VALUES);
static const struct schema_field backend_item = {
    .name = "backend",
    .type = SCHEMA_OBJECT,
    .object = &backend_object,
    .help = "One backend.",
};

#define PROBE_PORT_HELP                                                                            \
	"The port that is probed. Without it, the port of the VIPs that use the pool, if they "    \
	"have one port in common, none has a range of ports, and one of them is TCP."

static const struct schema_field health_tcp_fields[] = {
    [HEALTH_TCP_PORT] = {.name = "port",
			 .type = SCHEMA_PORT,
			 .min = 1,
			 .max = 65535,
			 .standard_help = "the port of the pool's VIPs",
			 .help = PROBE_PORT_HELP},
};
static const struct schema_object health_tcp_object =
    OBJECT("a TCP check", health_tcp_fields, HEALTH_TCP_VALUES);

static const struct schema_field health_http_fields[] = {
    [HEALTH_HTTP_PATH] = {.name = "path",
			  .type = SCHEMA_PATH,
			  .max = 1024,
			  .standard = "/",
			  .help = "The path, and query if any, that is asked for with GET. What is "
				  "no printable ASCII character is written as %XX."},
    [HEALTH_HTTP_EXPECT] = {.name = "expect",
			    .type = SCHEMA_STATUS,
			    .min = 100,
			    .max = 599,
			    .standard = "200-299",
			    .help = "The status, or range of them, that a healthy backend answers "
				    "with."},
    [HEALTH_HTTP_HOST] = {.name = "host",
			  .type = SCHEMA_HOST,
			  .max = 255,
			  .standard_help = "the backend's address",
			  .help = "The request's Host header."},
    [HEALTH_HTTP_PORT] = {.name = "port",
			  .type = SCHEMA_PORT,
			  .min = 1,
			  .max = 65535,
			  .standard_help = "the port of the pool's VIPs",
			  .help = PROBE_PORT_HELP},
};
static const struct schema_object health_http_object =
    OBJECT("an HTTP check", health_http_fields, HEALTH_HTTP_VALUES);

static const struct schema_field health_fields[] = {
    [HEALTH_TCP] = {.name = "tcp",
		    .type = SCHEMA_OBJECT,
		    .object = &health_tcp_object,
		    .help = "A backend is healthy when it accepts a TCP connection. All keys "
			    "are optional: 'tcp: {}' will do. Exactly one of tcp and http is "
			    "given."},
    [HEALTH_HTTP] = {.name = "http",
		     .type = SCHEMA_OBJECT,
		     .object = &health_http_object,
		     .help = "A backend is healthy when it answers an HTTP/1.1 GET with an "
			     "expected status. All keys are optional: 'http: {}' will do."},
    [HEALTH_INTERVAL] = {.name = "interval",
			 .type = SCHEMA_DURATION,
			 .min = 100,
			 .max = MS_PER_HOUR,
			 .standard = "2s",
			 .help = "The time from the start of one probe of a backend to the next."},
    [HEALTH_TIMEOUT] = {.name = "timeout",
			.type = SCHEMA_DURATION,
			.min = 10,
			.max = MS_PER_HOUR,
			.standard = "1s",
			.help = "The time after which a probe without an answer has failed; at "
				"most the interval."},
    [HEALTH_RISE] = {.name = "rise",
		     .type = SCHEMA_NUMBER,
		     .min = 1,
		     .max = 100,
		     .standard = "2",
		     .help = "So many good probes in a row bring a failed backend back."},
    [HEALTH_FALL] = {.name = "fall",
		     .type = SCHEMA_NUMBER,
		     .min = 1,
		     .max = 100,
		     .standard = "3",
		     .help = "So many failed probes in a row take a healthy backend out."},
};
static const struct schema_object health_object =
    OBJECT("a health check", health_fields, HEALTH_VALUES);

static const struct schema_word all_down_words[] = {
    {"drop", CONF_ALL_DOWN_DROP, false, "the VIPs' packets are dropped and counted (no-backend)"},
    {"use_all", CONF_ALL_DOWN_USE_ALL, false,
     "the checks are ignored: every backend is used by its weight"},
    {0},
};

static const struct schema_field pool_fields[] = {
    [POOL_BACKENDS] = {.name = "backends",
		       .type = SCHEMA_LIST,
		       .required = true,
		       .min = 1,
		       .max = LB_POOL_BACKENDS_MAX,
		       .item = &backend_item,
		       .help = "The backends. Their order has no meaning."},
    [POOL_HEALTH] = {.name = "health",
		     .type = SCHEMA_OBJECT,
		     .object = &health_object,
		     .standard_help = "no check, every backend counts as healthy",
		     .help = "How the backends are probed. A pool is checked once, however many "
			     "VIPs use it."},
    [POOL_WHEN_ALL_DOWN] = {.name = "when_all_down",
			    .type = SCHEMA_WORD,
			    .words = all_down_words,
			    .standard = "drop",
			    .help = "What happens when no backend is healthy. By default the "
				    "failed backends get no traffic, so that the outage shows at "
				    "once and clients can turn to another site. Choose use_all "
				    "where a fault of the checks themselves is likelier than all "
				    "backends failing together."},
    [POOL_SLOTS] = {.name = "slots",
		    .type = SCHEMA_NUMBER,
		    .min = 1,
		    .max = LB_SLOTS_MAX,
		    .standard_help = "at least 600 a backend, 1021 times a power of two",
		    .help = "The size of the pool's table, at least one slot a backend. More "
			    "slots follow the weights more closely and move fewer flows when "
			    "the pool changes; each costs 4 bytes. Boxes that serve the same "
			    "VIPs need the same number."},
    LATER("drain_time"),
    LATER("remove"),
    LATER("source"),
    LATER("proxy_protocol"),
};
static const struct schema_object pool_object = OBJECT("a pool", pool_fields, POOL_VALUES);

/* vips */

static const struct schema_word protocols[] = {
    {"tcp", CONF_TCP, false, "TCP"},
    {"udp", CONF_UDP, false, "UDP"},
    {0},
};

static const struct schema_word forwards[] = {
    {"l2", CONF_FORWARD_L2, false,
     "the Ethernet addresses are rewritten and nothing else; the backend is on a network of the "
     "box and has the VIP's address on a loopback"},
    {"ipip", CONF_FORWARD_IPIP, false,
     "the packet travels inside an IPv4 or IPv6 packet, whichever the backend's address is; the "
     "backend unwraps it and has the VIP's address on a loopback"},
    {"gue", CONF_FORWARD_GUE, false,
     "the packet travels inside a UDP datagram over IPv4 or IPv6, whose source port tells flows "
     "apart to the network and to the backend's network device; the backend unwraps it and has "
     "the VIP's address on a loopback"},
    {"nat", 0, true, NULL},
    {"l7", 0, true, NULL},
    {0},
};

static const struct schema_word affinities[] = {
    {"flow", CONF_AFFINITY_FLOW, false,
     "each connection is placed by its addresses, ports and protocol"},
    {"source", CONF_AFFINITY_SOURCE, false,
     "all of a client address's connections, to every VIP of the pool with this affinity, go to "
     "the same backend"},
    {"quic", CONF_AFFINITY_QUIC, false,
     "UDP: a packet whose QUIC connection id carries a backend's quic_id goes to that backend, "
     "from whatever address it comes, and while the backend drains; any other is placed as a "
     "flow"},
    {0},
};

static const struct schema_field vip_fields[] = {
    [VIP_NAME] = {.name = "name",
		  .type = SCHEMA_NAME,
		  .required = true,
		  .help =
		      "The VIP's name in commands, logs and counters; each name is given once."},
    [VIP_ADDRESS] = {.name = "address",
		     .type = SCHEMA_ADDRESS,
		     .required = true,
		     .help = "The address that clients connect to. Address, protocol and port "
			     "together are given once; VIPs of an address may overlap in "
			     "their ports (see port)."},
    [VIP_PROTOCOL] = {.name = "protocol",
		      .type = SCHEMA_WORD,
		      .required = true,
		      .words = protocols,
		      .help = "The transport protocol."},
    [VIP_PORT] = {.name = "port",
		  .type = SCHEMA_PORTS,
		  .required = true,
		  .min = 1,
		  .max = 65535,
		  .help = "The port that clients connect to, a range of ports (8000-8099), or "
			  "'any' for all of them; the backends see the port that the client "
			  "chose. Where VIPs of one address and protocol overlap, the most "
			  "specific one has the port: a VIP of that port alone, then the range "
			  "with the fewest ports, of two as large the one that begins first. An "
			  "address has at most 64 ranges a protocol."},
    [VIP_FORWARD] = {.name = "forward",
		     .type = SCHEMA_WORD,
		     .required = true,
		     .words = forwards,
		     .help = "How packets travel to the backend. Replies go from the backend "
			     "straight to the client."},
    [VIP_POOL] = {.name = "pool",
		  .type = SCHEMA_NAME,
		  .required = true,
		  .help = "The name of the pool that serves the VIP. Any number of VIPs may share "
			  "a pool."},
    [VIP_AFFINITY] = {.name = "affinity",
		      .type = SCHEMA_WORD,
		      .words = affinities,
		      .standard = "flow",
		      .help = "What stays together on one backend."},
    [VIP_AFFINITY_PREFIX] =
	{.name = "affinity_prefix",
	 .type = SCHEMA_NUMBER,
	 .min = 1,
	 .max = 128,
	 .standard_help = "the whole address: 32 or 128",
	 .help = "With affinity: source, the number of leading bits of the client's "
		 "address that count, at most 32 where the VIP is IPv4: clients of "
		 "one prefix go to one backend, as 24 for the addresses of one "
		 "carrier's gateway or 64 for a host that changes its IPv6 "
		 "address. VIPs of one pool keep a client on one backend together "
		 "where their prefixes are the same."},
    LATER("routes"),
    LATER("allow"),
    LATER("fragments"),
    LATER("when_relay_down"),
    LATER("drain_time"),
    LATER("source"),
    LATER("proxy_protocol"),
};
static const struct schema_object vip_object = OBJECT("a VIP", vip_fields, VIP_VALUES);
static const struct schema_field vip_item = {
    .name = "vip",
    .type = SCHEMA_OBJECT,
    .object = &vip_object,
    .help = "One VIP.",
};

/* filters */

static const struct schema_word limit_pers[] = {
    {"source", CONF_LIMIT_PER_SOURCE, false, "each source prefix has a limit of its own"},
    {"vip", CONF_LIMIT_PER_VIP, false, "all sources of the VIP share one limit"},
    {0},
};

static const struct schema_word limit_counts[] = {
    {"packets", CONF_LIMIT_PACKETS, false, "every packet counts"},
    {"bytes", CONF_LIMIT_BYTES, false,
     "every byte of a frame counts, its Ethernet header included"},
    {"connections", CONF_LIMIT_CONNECTIONS, false,
     "TCP packets with SYN and without ACK count, others pass; UDP VIPs have none"},
    {0},
};

static const struct schema_word limit_actions[] = {
    {"drop", CONF_LIMIT_DROP, false, "what is too much is dropped (rate-limited)"},
    {"count", CONF_LIMIT_COUNT_ONLY, false,
     "it is counted and passes, so that a limit can be tried on live traffic"},
    {0},
};

static const struct schema_field limit_prefix_fields[] = {
    [LIMIT_PREFIX_IPV4] = {.name = "ipv4",
			   .type = SCHEMA_NUMBER,
			   .min = 1,
			   .max = 32,
			   .standard = "32",
			   .help = "How many leading bits of an IPv4 source make it one source."},
    [LIMIT_PREFIX_IPV6] = {.name = "ipv6",
			   .type = SCHEMA_NUMBER,
			   .min = 1,
			   .max = 128,
			   .standard = "64",
			   .help = "The same of an IPv6 source. A site has at least a /64."},
};
static const struct schema_object limit_prefix_object =
    OBJECT("the source prefix", limit_prefix_fields, LIMIT_PREFIX_VALUES);

static const struct schema_field limit_fields[] = {
    [LIMIT_VIP] = {.name = "vip",
		   .type = SCHEMA_NAME,
		   .standard_help = "every VIP, each by itself",
		   .help = "The name of the VIP for which the limit holds."},
    [LIMIT_PER] = {.name = "per",
		   .type = SCHEMA_WORD,
		   .required = true,
		   .words = limit_pers,
		   .help = "Who shares the rate. Of a VIP's limits, those per source are asked "
			   "first, and each in the file's order; what one drops, those after it "
			   "never see."},
    [LIMIT_COUNT] = {.name = "count",
		     .type = SCHEMA_WORD,
		     .words = limit_counts,
		     .standard_help = "bytes where the rate has B or bit, else packets",
		     .help = "What the rate counts."},
    [LIMIT_RATE] = {.name = "rate",
		    .type = SCHEMA_RATE,
		    .required = true,
		    .min = GCRA_RATE_MIN,
		    .max = GCRA_RATE_MAX,
		    .help =
			"What may come in the long run: packets or connections a second (10k/s; "
			"k, M and G are powers of 1000), or bytes (100MB/s, 64KiB/s, "
			"800Mbit/s)."},
    [LIMIT_BURST] = {.name = "burst",
		     .type = SCHEMA_AMOUNT,
		     .min = 1,
		     .max = GCRA_RATE_MAX * 3600,
		     .standard_help = "what the rate is in a second, of bytes at least 64KiB",
		     .help = "What may come at once after a pause, on top of the rate: 20k, or of "
			     "bytes 10MB. At most what the rate is in an hour."},
    [LIMIT_PREFIX] = {.name = "prefix",
		      .type = SCHEMA_OBJECT,
		      .object = &limit_prefix_object,
		      .standard_help = "{ipv4: 32, ipv6: 64}",
		      .help = "Which sources count as one (per: source)."},
    [LIMIT_ACTION] = {.name = "action",
		      .type = SCHEMA_WORD,
		      .words = limit_actions,
		      .standard = "drop",
		      .help = "What becomes of a packet that is too much."},
};
static const struct schema_object limit_object = OBJECT("a rate limit", limit_fields, LIMIT_VALUES);
static const struct schema_field limit_item = {
    .name = "rate limit",
    .type = SCHEMA_OBJECT,
    .object = &limit_object,
    .help = "One rate limit.",
};

static const struct schema_field filters_fields[] = {
    [FILTERS_RATE_LIMITS] = {.name = "rate_limits",
			     .type = SCHEMA_LIST,
			     .max = 1000000,
			     .item = &limit_item,
			     .standard_help = "none",
			     .help = "How much may come to a VIP. 8 limits hold for one VIP at the "
				     "most. 'lbctl limits' shows what they found."},
    [FILTERS_RATE_LIMIT_SOURCES] =
	{.name = "rate_limit_sources",
	 .type = SCHEMA_NUMBER,
	 .min = 1024,
	 .max = 1u << 24,
	 .standard = "262144",
	 .help = "How many sources are remembered at a time, by all limits per source together; "
		 "about 100 bytes each. Where more come, those that were not seen for longest "
		 "are forgotten, and begin again with a whole burst."},
    LATER("deny"),
};
static const struct schema_object filters_object =
    OBJECT("the filters", filters_fields, FILTERS_VALUES);

/* the file */

static const struct schema_field root_fields[] = {
    [ROOT_VERSION] = {.name = "version",
		      .type = SCHEMA_NUMBER,
		      .required = true,
		      .min = 1,
		      .max = 1,
		      .help = "The version of this format."},
    [ROOT_NODE] = {.name = "node",
		   .type = SCHEMA_OBJECT,
		   .required = true,
		   .object = &node_object,
		   .help = "What concerns this box."},
    [ROOT_POOLS] = {.name = "pools",
		    .type = SCHEMA_NAMED,
		    .required = true,
		    .max = 1000000,
		    .object = &pool_object,
		    .help = "Backends that serve together, by name; '{}' for none."},
    [ROOT_VIPS] = {.name = "vips",
		   .type = SCHEMA_LIST,
		   .required = true,
		   .max = 1000000,
		   .item = &vip_item,
		   .help = "The services that clients see; '[]' for none. The key must be "
			   "there, so that no service ends for want of a line."},
    [ROOT_FILTERS] = {.name = "filters",
		      .type = SCHEMA_OBJECT,
		      .object = &filters_object,
		      .standard_help = "no filter",
		      .help = "What is dropped before it reaches a backend."},
    LATER("metrics"),
};
const struct schema_object schema_root = OBJECT("the configuration", root_fields, ROOT_VALUES);

const struct schema_field *schema_find(const struct schema_object *object, const char *name)
{
	for (size_t i = 0; i < object->n_fields; i++)
		if (strcmp(object->fields[i].name, name) == 0)
			return &object->fields[i];
	return NULL;
}
