/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * quic_peer.c - a real QUIC connection for the lab, by ngtcp2: a server that puts a backend's
 * quic_id into the connection ids it gives out, and a client whose address changes under it.
 *
 *	quic_peer server NAME QUIC_ID ADDRESS PORT CERTIFICATE KEY
 *	quic_peer client ADDRESS PORT
 *
 * The server answers whatever comes on a stream with a line that is its name. The client asks and
 * prints the answer; then, for each line of its standard input, it moves to another UDP socket
 * (hence another port) without telling its peer, as a NAT does to it, and asks again. If an
 * answer does not come in 3 s, its exit status is 1. The server knows one connection, the latest:
 * what comes to it by mistake of another one is lost on it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#define CID_LEN	  12
#define DATAGRAM  1200
#define ANSWER_MS 3000
#define ALPN	  "sluice-lab"
#define PRIORITIES                                                                                 \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:%DISABLE_TLS13_COMPAT_MODE"

struct peer {
	int fd;
	bool server;
	uint16_t quic_id; /* of a server */
	struct sockaddr_storage local, remote;
	socklen_t local_len, remote_len;
	ngtcp2_conn *conn;
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	ngtcp2_crypto_conn_ref ref;
	char
	    line[64]; /* what this side says; sent over and over, so that it may stay where it is */
	int64_t stream; /* -1: none */
	size_t unsent;	/* bytes at the end of `line` */
	char answer[64];
	size_t answer_len;
};

static void die(const char *what)
{
	fprintf(stderr, "quic_peer: %s\n", what);
	exit(2);
}

static ngtcp2_tstamp now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (ngtcp2_tstamp)t.tv_sec * NGTCP2_SECONDS + (ngtcp2_tstamp)t.tv_nsec;
}

static void randomise(uint8_t *dest, size_t len, const ngtcp2_rand_ctx *ctx)
{
	gnutls_rnd(GNUTLS_RND_RANDOM, dest, len);
}

/* The layout of lb/abi.h, written here once more. A client's ids are nobody's business. */
static void make_cid(const struct peer *peer, ngtcp2_cid *cid, size_t len)
{
	cid->datalen = len;
	randomise(cid->data, len, NULL);
	if (!peer->server)
		return;
	cid->data[0] = (uint8_t)(len - 1);
	cid->data[1] = (uint8_t)(peer->quic_id >> 8);
	cid->data[2] = (uint8_t)peer->quic_id;
}

static int new_cid(ngtcp2_conn *conn, ngtcp2_cid *cid, uint8_t *token, size_t len, void *ctx)
{
	make_cid(ctx, cid, len);
	randomise(token, NGTCP2_STATELESS_RESET_TOKENLEN, NULL);
	return 0;
}

static int got_data(ngtcp2_conn *conn, uint32_t flags, int64_t stream, uint64_t offset,
		    const uint8_t *data, size_t len, void *ctx, void *stream_ctx)
{
	struct peer *peer = ctx;

	ngtcp2_conn_extend_max_stream_offset(conn, stream, len);
	ngtcp2_conn_extend_max_offset(conn, len);
	if (peer->server && memchr(data, '\n', len)) {
		peer->stream = stream;
		peer->unsent = strlen(peer->line);
	}
	for (size_t i = 0; !peer->server && i < len && peer->answer_len < sizeof(peer->answer) - 1;
	     i++)
		peer->answer[peer->answer_len++] = (char)data[i];
	return 0;
}

static ngtcp2_conn *conn_of(ngtcp2_crypto_conn_ref *ref)
{
	return ((struct peer *)ref->user_data)->conn;
}

static void make_session(struct peer *peer)
{
	const gnutls_datum_t alpn = {(unsigned char *)ALPN, sizeof(ALPN) - 1};
	const unsigned int side = peer->server ? GNUTLS_SERVER : GNUTLS_CLIENT;

	gnutls_init(&peer->session,
		    side | GNUTLS_NO_AUTO_SEND_TICKET | GNUTLS_NO_END_OF_EARLY_DATA);
	if (gnutls_priority_set_direct(peer->session, PRIORITIES, NULL))
		die("the TLS priorities are refused");
	if (peer->server ? ngtcp2_crypto_gnutls_configure_server_session(peer->session)
			 : ngtcp2_crypto_gnutls_configure_client_session(peer->session))
		die("the TLS session is refused");
	gnutls_credentials_set(peer->session, GNUTLS_CRD_CERTIFICATE, peer->credentials);
	gnutls_alpn_set_protocols(peer->session, &alpn, 1, GNUTLS_ALPN_MANDATORY);
	peer->ref = (ngtcp2_crypto_conn_ref){.get_conn = conn_of, .user_data = peer};
	gnutls_session_set_ptr(peer->session, &peer->ref);
}

static ngtcp2_path path_of(struct peer *peer)
{
	return (ngtcp2_path){
	    .local = {(ngtcp2_sockaddr *)&peer->local, peer->local_len},
	    .remote = {(ngtcp2_sockaddr *)&peer->remote, peer->remote_len},
	};
}

/* `hd` is that of a server's first packet; NULL: a client's connection. */
static void make_conn(struct peer *peer, const ngtcp2_pkt_hd *hd)
{
	const ngtcp2_callbacks callbacks = {
	    .client_initial = ngtcp2_crypto_client_initial_cb,
	    .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
	    .recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
	    .encrypt = ngtcp2_crypto_encrypt_cb,
	    .decrypt = ngtcp2_crypto_decrypt_cb,
	    .hp_mask = ngtcp2_crypto_hp_mask_cb,
	    .recv_stream_data = got_data,
	    .recv_retry = ngtcp2_crypto_recv_retry_cb,
	    .rand = randomise,
	    .get_new_connection_id = new_cid,
	    .update_key = ngtcp2_crypto_update_key_cb,
	    .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
	    .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
	    .get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
	    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
	};
	ngtcp2_path path = path_of(peer);
	ngtcp2_transport_params params;
	ngtcp2_settings settings;
	ngtcp2_cid mine, first;
	int r;

	ngtcp2_settings_default(&settings);
	settings.initial_ts = now();
	settings.max_tx_udp_payload_size = DATAGRAM;
	settings.no_pmtud = 1;
	ngtcp2_transport_params_default(&params);
	params.initial_max_streams_bidi = 8;
	params.initial_max_stream_data_bidi_local = params.initial_max_stream_data_bidi_remote =
	    params.initial_max_data = 65536;
	make_cid(peer, &mine, CID_LEN);
	make_session(peer);
	if (hd) {
		params.original_dcid = hd->dcid;
		r = ngtcp2_conn_server_new(&peer->conn, &hd->scid, &mine, &path, hd->version,
					   &callbacks, &settings, &params, NULL, peer);
	} else {
		make_cid(peer, &first, NGTCP2_MIN_INITIAL_DCIDLEN);
		first.data[0] |= 0xe0; /* never a server's: see receive() */
		r = ngtcp2_conn_client_new(&peer->conn, &first, &mine, &path, NGTCP2_PROTO_VER_V1,
					   &callbacks, &settings, &params, NULL, peer);
	}
	if (r)
		die(ngtcp2_strerror(r));
	ngtcp2_conn_set_tls_native_handle(peer->conn, peer->session);
}

static void drop_conn(struct peer *peer)
{
	if (!peer->conn)
		return;
	ngtcp2_conn_del(peer->conn);
	gnutls_deinit(peer->session);
	peer->conn = NULL;
	peer->stream = -1;
	peer->unsent = 0;
}

/* Everything that is to be sent now. */
static void send_all(struct peer *peer)
{
	ngtcp2_path_storage to;
	ngtcp2_pkt_info info;
	uint8_t packet[DATAGRAM];
	ngtcp2_ssize n, taken;

	ngtcp2_path_storage_zero(&to);
	while (peer->conn) {
		const char *rest = peer->line + strlen(peer->line) - peer->unsent;
		const ngtcp2_vec data = {(uint8_t *)rest, peer->unsent};
		const int64_t stream = peer->unsent ? peer->stream : -1;

		taken = -1;
		n = ngtcp2_conn_writev_stream(peer->conn, &to.path, &info, packet, sizeof(packet),
					      &taken, NGTCP2_WRITE_STREAM_FLAG_NONE, stream, &data,
					      stream < 0 ? 0 : 1, now());
		if (taken > 0)
			peer->unsent -= (size_t)taken;
		if (n <= 0)
			break;
		/* A client's socket is connected, and has another address than its path says. */
		if (peer->server)
			sendto(peer->fd, packet, (size_t)n, 0,
			       (struct sockaddr *)to.path.remote.addr, to.path.remote.addrlen);
		else
			send(peer->fd, packet, (size_t)n, 0);
	}
	if (peer->conn)
		ngtcp2_conn_update_pkt_tx_time(peer->conn, now());
}

static void receive(struct peer *peer)
{
	const ngtcp2_pkt_info info = {0};
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	uint8_t packet[2048];
	ngtcp2_pkt_hd hd;
	ngtcp2_path path;
	ssize_t n =
	    recvfrom(peer->fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &from_len);

	if (n < 0)
		return;
	if (peer->server) {
		peer->remote = from;
		peer->remote_len = from_len;
		/* An Initial of another connection; ngtcp2 tells it from one of this. */
		if (ngtcp2_accept(&hd, packet, (size_t)n) == 0 && hd.type == NGTCP2_PKT_INITIAL &&
		    hd.dcid.data[0] != CID_LEN - 1) {
			drop_conn(peer);
			make_conn(peer, &hd);
		}
	}
	path = path_of(peer);
	if (peer->conn && ngtcp2_conn_read_pkt(peer->conn, &path, &info, packet, (size_t)n, now()))
		drop_conn(peer);
}

/* Until there is something to read, or ngtcp2's time has come. */
static void step(struct peer *peer)
{
	struct pollfd p = {.fd = peer->fd, .events = POLLIN};
	ngtcp2_tstamp expiry = peer->conn ? ngtcp2_conn_get_expiry(peer->conn) : UINT64_MAX;
	ngtcp2_tstamp t = now();
	int wait = 100;

	if (expiry <= t)
		wait = 0;
	else if (expiry - t < 100 * NGTCP2_MILLISECONDS)
		wait = (int)((expiry - t) / NGTCP2_MILLISECONDS) + 1;
	if (poll(&p, 1, wait) > 0)
		receive(peer);
	if (peer->conn && ngtcp2_conn_get_expiry(peer->conn) <= now() &&
	    ngtcp2_conn_handle_expiry(peer->conn, now()))
		drop_conn(peer);
	send_all(peer);
}

static void set_address(struct sockaddr_storage *ss, socklen_t *ret_len, const char *address,
			const char *port)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *four = (struct sockaddr_in *)ss;
	const uint16_t port_be = htons((uint16_t)atoi(port));

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = port_be;
		*ret_len = sizeof(*six);
	} else if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = port_be;
		*ret_len = sizeof(*four);
	} else {
		die("not an address");
	}
}

/* Another socket, hence another port; the first time, the path that ngtcp2 is told of. */
static void move(struct peer *peer)
{
	int fd = socket(peer->remote.ss_family, SOCK_DGRAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&peer->remote, peer->remote_len))
		die("no socket");
	if (peer->conn) {
		close(peer->fd);
	} else {
		peer->local_len = sizeof(peer->local);
		getsockname(fd, (struct sockaddr *)&peer->local, &peer->local_len);
	}
	peer->fd = fd;
}

static bool ask(struct peer *peer)
{
	const ngtcp2_tstamp until = now() + ANSWER_MS * NGTCP2_MILLISECONDS;

	peer->answer_len = 0;
	peer->unsent = strlen(peer->line);
	while (!memchr(peer->answer, '\n', peer->answer_len)) {
		if (now() > until || !peer->conn)
			return false;
		if (peer->stream < 0)
			ngtcp2_conn_open_bidi_stream(peer->conn, &peer->stream, NULL);
		step(peer);
	}
	printf("%.*s", (int)peer->answer_len, peer->answer);
	fflush(stdout);
	return true;
}

static int run_client(struct peer *peer)
{
	char line[8];

	strcpy(peer->line, "who?\n");
	gnutls_certificate_allocate_credentials(&peer->credentials);
	move(peer);
	make_conn(peer, NULL);
	if (!ask(peer))
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		move(peer);
		if (!ask(peer))
			return 1;
	}
	return 0;
}

static void run_server(struct peer *peer, char **argv)
{
	snprintf(peer->line, sizeof(peer->line), "%s\n", argv[0]);
	peer->server = true;
	peer->quic_id = (uint16_t)strtoul(argv[1], NULL, 0);
	set_address(&peer->local, &peer->local_len, argv[2], argv[3]);
	gnutls_certificate_allocate_credentials(&peer->credentials);
	if (gnutls_certificate_set_x509_key_file(peer->credentials, argv[4], argv[5],
						 GNUTLS_X509_FMT_PEM))
		die("no certificate");
	peer->fd = socket(peer->local.ss_family, SOCK_DGRAM, 0);
	if (peer->fd < 0 || bind(peer->fd, (struct sockaddr *)&peer->local, peer->local_len))
		die(strerror(errno));
	puts("ready");
	fflush(stdout);
	for (;;)
		step(peer);
}

int main(int argc, char **argv)
{
	struct peer peer = {.stream = -1};

	if (argc == 8 && !strcmp(argv[1], "server"))
		run_server(&peer, argv + 2);
	if (argc != 4 || strcmp(argv[1], "client"))
		die("server NAME QUIC_ID ADDRESS PORT CERTIFICATE KEY, or client ADDRESS PORT");
	set_address(&peer.remote, &peer.remote_len, argv[2], argv[3]);
	return run_client(&peer);
}
