/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.c - "dmarc-intake serve": the report as pages, for who has SQLite
 * only. It reads, and never writes; by default it listens on the loopback.
 * in: GET and HEAD    out: serve_answer.c's pages and JSON
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include "common/base/clock.h"
#include "common/base/text.h"

#include "cli/command.h"
#include "cli/report_page.h"
#include "cli/serve_answer.h"
#include "cli/serve_cache.h"

#define CONNECTIONS_DEFAULT 100
#define CONNECTIONS_MAX 10000
#define TIMEOUT_DEFAULT_S 10
#define TIMEOUT_MAX_S 3600
#define THREADS_MAX 4
#define REQUEST_BYTES (32 * 1024) /* of a connection: its header fields */
#define ANSWER_MAX ((size_t)256 * 1024 * 1024)
#define KEY_MAX (64 * 1024)
#define COMPLAINT_MS (60 * 1000) /* between two */

static const char usage[] =
    "usage: dmarc-intake serve [--listen ADDRESS:PORT] [--connections N] "
    "[--timeout SECONDS]\n"
    "           [--host NAME]";

static const char help[] =
    "Shows the report of the SQLite database as pages at http://127.0.0.1:8470"
    "/,\n"
    "with filters by time, domain, sender and reporter, and as JSON at "
    "/api/report.\n"
    "It only reads. There is no login: who may reach it may read.\n\n"
    "  --listen ADDRESS:PORT  instead of 127.0.0.1:8470; [ADDRESS]:PORT for "
    "IPv6\n"
    "  --connections N        at the same time, at most (default 100)\n"
    "  --timeout SECONDS      that a connection may be idle (default 10)\n"
    "  --host NAME            answer to this name as well, as a proxy in "
    "front sends it\n"
    "  -h, --help             print this\n";

enum { LISTEN = 256, CONNECTIONS, TIMEOUT, HOST };

static const struct option options[] = {
	{ "listen", required_argument, NULL, LISTEN },
	{ "connections", required_argument, NULL, CONNECTIONS },
	{ "timeout", required_argument, NULL, TIMEOUT },
	{ "host", required_argument, NULL, HOST },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct serve {
	const char *database; /* foreign */
	const char *host;     /* one more name of ours; NULL: none */
	struct sockaddr_storage address;
	int64_t connections, timeout_s;
	struct serve_cache *cache;
	struct arena *arena;
	const char *policy; /* in the arena */
};

/* "127.0.0.1:80", "[::1]:80". 0 or -1. */
static int
address_parse(const char *text, struct sockaddr_storage *out)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	const char *colon = strrchr(text, ':');
	char name[INET6_ADDRSTRLEN + 2];
	int64_t port;
	size_t len;

	if (colon == NULL || (len = (size_t)(colon - text)) >= sizeof(name) ||
	    text_to_int64(colon + 1, strlen(colon + 1), &port) < 0 ||
	    port < 0 || port > 65535)
		return -1;
	memcpy(name, text, len);
	name[len] = '\0';
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, name, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons((uint16_t)port);
		return 0;
	}
	if (*name != '[' || name[len - 1] != ']')
		return -1;
	name[len - 1] = '\0';
	if (inet_pton(AF_INET6, name + 1, &in6->sin6_addr) != 1)
		return -1;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	return 0;
}

static int
number_parse(const char *text, int64_t max, int64_t *n)
{
	return text_to_int64(text, strlen(text), n) < 0 || *n < 1 || *n > max
		   ? -1
		   : 0;
}

/* "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]:80": no name, by any means. */
static bool
is_address(const char *host)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr ignored;
	bool is_6 = *host == '[';
	size_t len;

	host += is_6;
	len = strcspn(host, is_6 ? "]" : ":");
	if (len >= sizeof(address))
		return false;
	memcpy(address, host, len);
	address[len] = '\0';
	return inet_pton(is_6 ? AF_INET6 : AF_INET, address, &ignored) == 1;
}

/*
 * A page elsewhere whose name leads to us (DNS rebinding) is not ours: an
 * address is, and localhost, and what --host says.
 */
static bool
is_our_name(const struct serve *s, const char *host)
{
	size_t len;

	if (host == NULL || is_address(host))
		return true;
	len = strcspn(host, ":");
	if (len == strlen("localhost") &&
	    text_equal_nocase_n(host, "localhost", len))
		return true;
	return s->host != NULL && len == strlen(s->host) &&
	       text_equal_nocase_n(host, s->host, len);
}

static const char *
lookup(void *context, const char *name)
{
	return MHD_lookup_connection_value(
	    context, MHD_GET_ARGUMENT_KIND, name);
}

/* What is asked, and what became of it. */
struct question {
	struct serve_query q;
	const char *content_type;
	int status;
};

/*
 * For the operator. A page asks again and again, from several threads, and
 * what is wrong stays the same for long.
 */
static void
complain_seldom(const struct err *e)
{
	static _Atomic int64_t last_ms = -COMPLAINT_MS;
	int64_t now = clock_mono_ms(), last = atomic_load(&last_ms);

	if (now - last >= COMPLAINT_MS &&
	    atomic_compare_exchange_strong(&last_ms, &last, now))
		cli_complain(e);
}

static int
make(void *arg, struct buf *out)
{
	struct question *question = arg;
	struct err e = { 0 };

	question->status =
	    serve_answer(&question->q, out, &question->content_type, &e);
	if (e.kind != ERR_NONE) {
		err_add(&e, "serve");
		complain_seldom(&e);
	}
	return question->status == 200 ? 0 : -1;
}

/* 200 comes with the type of its path, also out of the cache. */
static const char *
type_of(const char *path)
{
	size_t len = strlen(path);

	if (len > 4 && strcmp(path + len - 4, ".csv") == 0)
		return "text/csv; charset=utf-8";
	return strcmp(path, "/") == 0 ? "text/html; charset=utf-8"
				      : "application/json";
}

static enum MHD_Result
respond(const struct serve *s, struct MHD_Connection *c, int status,
    const char *content_type, struct buf *body)
{
	const char *const fields[][2] = {
		{ MHD_HTTP_HEADER_CONTENT_TYPE, content_type },
		{ "Content-Security-Policy", s->policy },
		{ "X-Content-Type-Options", "nosniff" },
		{ "X-Frame-Options", "DENY" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
		{ "Cache-Control", "no-store" },
		{ status == MHD_HTTP_METHOD_NOT_ALLOWED ? MHD_HTTP_HEADER_ALLOW
							: NULL,
		    "GET, HEAD" },
	};
	struct MHD_Response *r = MHD_create_response_from_buffer(
	    body->len, body->data, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result rc;
	size_t i;

	if (r == NULL)
		return MHD_NO;
	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (fields[i][0] != NULL)
			(void)MHD_add_response_header(
			    r, fields[i][0], fields[i][1]);
	rc = MHD_queue_response(c, (unsigned)status, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result
refuse(const struct serve *s, struct MHD_Connection *c, int status,
    const char *text)
{
	struct buf body = { .data = (char *)text, .len = strlen(text) };

	return respond(s, c, status, "text/plain; charset=utf-8", &body);
}

static enum MHD_Result
answer(const struct serve *s, struct MHD_Connection *c, const char *path)
{
	struct question question = { .q = { .database = s->database,
					 .path = path,
					 .lookup = lookup,
					 .context = c },
		.status = 200,
		.content_type = type_of(path) };
	enum MHD_Result rc;
	struct buf key, body;

	buf_init(&key, KEY_MAX);
	buf_init(&body, ANSWER_MAX);
	if (serve_key(&question.q, &key) < 0) {
		rc = refuse(s, c, 400, "The question is too long.\n");
	} else {
		(void)serve_cache_get(
		    s->cache, key.data, &body, make, &question);
		rc = respond(
		    s, c, question.status, question.content_type, &body);
	}
	buf_clear(&key);
	buf_clear(&body);
	return rc;
}

static enum MHD_Result
on_request(void *context, struct MHD_Connection *c, const char *path,
    const char *method, const char *version, const char *upload,
    size_t *upload_len, void **request)
{
	static const char started = 0;
	const struct serve *s = context;

	(void)version;
	(void)upload;
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		*upload_len = 0;
		return refuse(
		    s, c, MHD_HTTP_METHOD_NOT_ALLOWED, "This only reads.\n");
	}
	if (*request == NULL) { /* its header has come, and no more */
		*request = (void *)(uintptr_t)&started;
		return MHD_YES;
	}
	if (*upload_len > 0) {
		*upload_len = 0;
		return MHD_YES;
	}
	if (!is_our_name(s, MHD_lookup_connection_value(
				c, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST)))
		return refuse(
		    s, c, 421, "This is not that host; see --host.\n");
	return answer(s, c, path);
}

static struct MHD_Daemon *
start(struct serve *s)
{
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
	unsigned connections = (unsigned)s->connections;
	/* each thread has a part of them, and at least one */
	unsigned threads =
	    connections < THREADS_MAX ? connections : THREADS_MAX;

	if (s->address.ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, s,
	    MHD_OPTION_SOCK_ADDR, &s->address, MHD_OPTION_THREAD_POOL_SIZE,
	    threads, MHD_OPTION_CONNECTION_LIMIT, connections,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)s->timeout_s,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES,
	    MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);
}

static void
tell_address(struct MHD_Daemon *d, const struct serve *s)
{
	const union MHD_DaemonInfo *info =
	    MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT);
	const struct sockaddr_in *in4 = (const void *)&s->address;
	const struct sockaddr_in6 *in6 = (const void *)&s->address;
	bool is_6 = s->address.ss_family == AF_INET6;
	char name[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(s->address.ss_family,
	    is_6 ? (const void *)&in6->sin6_addr : &in4->sin_addr, name,
	    sizeof(name));
	(void)printf(is_6 ? "http://[%s]:%u/\n" : "http://%s:%u/\n", name,
	    info == NULL ? 0 : info->port);
	(void)fflush(stdout);
}

/* Until a signal comes. */
static int
run(struct serve *s)
{
	struct MHD_Daemon *d;
	sigset_t ends;
	struct err e;
	int number;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGINT);
	(void)sigaddset(&ends, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	if ((d = start(s)) == NULL) {
		err_set_errno(&e, "serve: cannot listen");
		cli_complain(&e);
		return EX_UNAVAILABLE;
	}
	tell_address(d, s);
	(void)sigwait(&ends, &number);
	MHD_stop_daemon(d);
	return EX_OK;
}

static int
option_take(struct serve *s, int c, const char *value)
{
	switch (c) {
	case LISTEN:
		return address_parse(value, &s->address);
	case CONNECTIONS:
		return number_parse(value, CONNECTIONS_MAX, &s->connections);
	case TIMEOUT:
		return number_parse(value, TIMEOUT_MAX_S, &s->timeout_s);
	default:
		s->host = value;
		return 0;
	}
}

int
cmd_serve(const struct cli *cli, int argc, char **argv)
{
	struct serve s = { .database = cli->conf->sqlite.path,
		.connections = CONNECTIONS_DEFAULT,
		.timeout_s = TIMEOUT_DEFAULT_S };
	struct err e;
	int c, which, rc;

	(void)address_parse("127.0.0.1:8470", &s.address);
	while ((c = getopt_long(argc, argv, "h", options, &which)) != -1) {
		if (c == 'h') {
			(void)printf("%s\n\n%s", usage, help);
			return EX_OK;
		}
		if (c == '?')
			return cli_usage(usage);
		if (option_take(&s, c, optarg) < 0) {
			err_set(&e, ERR_CONF, "serve: --%s: cannot read %s",
			    options[which].name, optarg);
			cli_complain(&e);
			return EX_USAGE;
		}
	}
	if (optind != argc)
		return cli_usage(usage);
	s.arena = arena_new();
	s.policy = arena_printf(
	    s.arena, "%s; frame-ancestors 'none'", report_policy(s.arena));
	s.cache = serve_cache_new(s.database);
	rc = run(&s);
	serve_cache_free(&s.cache);
	arena_free(&s.arena);
	return rc;
}
