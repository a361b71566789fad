/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmtp_send.c - a plain LMTP client (RFC 2033) for tests and quickstart.sh:
 * sends files as mails over some connections at once, and counts replies.
 *
 * lmtp_send [-q] [-c connections] [-n times] [-r rate] [-f from] [-t to]...
 *     unix:PATH|inet:ADDRESS:PORT FILE...
 * With -r so many mails are begun in a second, and the summary says how long
 * the replies to their data took.
 * Exit code: 0 when each recipient of each mail got a 2xx, else 1.
 */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TO_MAX 100
#define REPLY_S 600 /* as Postfix waits */

struct job {
	const char *address, *from;
	const char *to[TO_MAX];
	int to_count;
	char **file;
	long file_count, mail_count;
	bool quiet;
	double rate, start; /* mails a second; 0: as they go */
	float *took;        /* for each mail, from its dot to the reply */
	_Atomic long next, class_count[6]; /* replies by their first digit */
	_Atomic long lost;                 /* mails without an answer */
};

struct client {
	int fd;
	FILE *in, *out;
	char line[1024];
};

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int
connect_unix(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(sun.sun_path, path, strlen(path) + 1);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int
connect_inet(const char *address)
{
	struct addrinfo hint = { .ai_socktype = SOCK_STREAM }, *ai = NULL;
	const char *colon = strrchr(address, ':');
	char host[256];
	int fd = -1;

	if (colon == NULL || (size_t)(colon - address) >= sizeof(host)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(host, address, (size_t)(colon - address));
	host[colon - address] = '\0';
	if (getaddrinfo(host, colon + 1, &hint, &ai) != 0) {
		errno = EHOSTUNREACH;
		return -1;
	}
	fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen) < 0) {
		(void)close(fd);
		fd = -1;
	}
	freeaddrinfo(ai);
	return fd;
}

/* The code of the next reply, all its lines read; -1 at the end. */
static int
reply(struct client *c)
{
	do {
		if (fgets(c->line, sizeof(c->line), c->in) == NULL)
			return -1;
	} while (strlen(c->line) > 3 && c->line[3] == '-');
	c->line[strcspn(c->line, "\r\n")] = '\0';
	return (int)strtol(c->line, NULL, 10);
}

/* Send one line and read its reply. */
static int __attribute__((format(printf, 2, 3)))
command(struct client *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vfprintf(c->out, fmt, ap);
	va_end(ap);
	(void)fputs("\r\n", c->out);
	if (fflush(c->out) != 0)
		return -1;
	return reply(c);
}

static void
client_close(struct client *c)
{
	if (c->in != NULL)
		(void)fclose(c->in);
	if (c->out != NULL)
		(void)fclose(c->out);
	*c = (struct client){ .fd = -1 };
}

static int
client_open(struct client *c, const char *address)
{
	struct timeval wait = { .tv_sec = REPLY_S };

	*c = (struct client){ .fd = -1 };
	if (strncmp(address, "unix:", 5) == 0)
		c->fd = connect_unix(address + 5);
	else if (strncmp(address, "inet:", 5) == 0)
		c->fd = connect_inet(address + 5);
	else
		errno = EINVAL;
	if (c->fd < 0) {
		(void)fprintf(stderr, "%s: %m\n", address);
		return -1;
	}
	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	c->in = fdopen(c->fd, "r");
	c->out = fdopen(dup(c->fd), "w");
	if (c->in == NULL || c->out == NULL || reply(c) != 220 ||
	    command(c, "LHLO localhost") != 250) {
		(void)fprintf(stderr, "%s: no LMTP: %s\n", address, c->line);
		client_close(c);
		return -1;
	}
	return 0;
}

/* The file with CRLF and stuffed dots, and the final dot. */
static int
send_file(struct client *c, const char *path)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	FILE *f;

	if ((f = fopen(path, "r")) == NULL) {
		(void)fprintf(stderr, "%s: %m\n", path);
		return -1;
	}
	while ((len = getline(&line, &size, f)) > 0) {
		if (line[len - 1] == '\n')
			len--;
		if (len > 0 && line[len - 1] == '\r')
			len--;
		if (len > 0 && line[0] == '.')
			(void)fputc('.', c->out);
		(void)fwrite(line, 1, (size_t)len, c->out);
		(void)fputs("\r\n", c->out);
	}
	free(line);
	(void)fclose(f);
	(void)fputs(".\r\n", c->out);
	return fflush(c->out);
}

static void
count(struct job *job, const char *file, const struct client *c, int code)
{
	job->class_count[code / 100 % 6]++;
	if (!job->quiet)
		(void)printf("%s: %s\n", file, c->line);
}

/* -1: the connection is of no more use. */
static int
send_mail(struct job *job, struct client *c, const char *file, float *took)
{
	int code, i, accepted = 0;
	double sent;

	if (command(c, "MAIL FROM:<%s>", job->from) != 250)
		return -1;
	for (i = 0; i < job->to_count; i++) {
		if ((code = command(c, "RCPT TO:<%s>", job->to[i])) < 0)
			return -1;
		if (code == 250)
			accepted++;
		else
			count(job, file, c, code);
	}
	if (accepted == 0)
		return command(c, "RSET") == 250 ? 0 : -1;
	if (command(c, "DATA") != 354 || send_file(c, file) != 0)
		return -1;
	sent = now();
	for (i = 0; i < accepted; i++) {
		if ((code = reply(c)) < 0)
			return -1;
		count(job, file, c, code);
	}
	*took = (float)(now() - sent);
	return 0;
}

static void
wait_for_turn(const struct job *job, long n)
{
	double left = job->start + (double)n / job->rate - now();
	struct timespec ts = { .tv_sec = (time_t)left };

	ts.tv_nsec = (long)((left - (double)ts.tv_sec) * 1e9);
	if (left > 0)
		(void)nanosleep(&ts, NULL);
}

static void *
run(void *arg)
{
	struct job *job = arg;
	struct client c = { .fd = -1 };
	long n;

	while ((n = job->next++) < job->mail_count) {
		const char *file = job->file[n % job->file_count];

		if (job->rate > 0)
			wait_for_turn(job, n);
		if (c.in == NULL && client_open(&c, job->address) < 0) {
			job->lost++;
			continue;
		}
		if (send_mail(job, &c, file, &job->took[n]) < 0) {
			(void)fprintf(
			    stderr, "%s: lost, last reply: %s\n", file, c.line);
			job->lost++;
			client_close(&c);
		}
	}
	if (c.in != NULL)
		(void)command(&c, "QUIT");
	client_close(&c);
	return NULL;
}

static int
usage(void)
{
	(void)fputs("usage: lmtp_send [-q] [-c connections] [-n times]"
		    " [-r rate] [-f from] [-t to]...\n"
		    "       unix:PATH|inet:ADDRESS:PORT FILE...\n",
	    stderr);
	return 2;
}

static int
compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void
summary(const struct job *job, double seconds)
{
	(void)printf("mails=%ld seconds=%.3f rate=%.1f 2xx=%ld 4xx=%ld "
		     "5xx=%ld lost=%ld",
	    job->mail_count, seconds, (double)job->mail_count / seconds,
	    (long)job->class_count[2], (long)job->class_count[4],
	    (long)job->class_count[5], (long)job->lost);
	if (job->rate > 0) {
		qsort(
		    job->took, (size_t)job->mail_count, sizeof(float), compare);
		(void)printf(" p50_ms=%.3f p99_ms=%.3f",
		    (double)job->took[job->mail_count / 2] * 1e3,
		    (double)job->took[job->mail_count * 99 / 100] * 1e3);
	}
	(void)puts("");
}

int
main(int argc, char **argv)
{
	struct job job = { .from = "noreply@reporter.example" };
	long connections = 1, times = 1, i;
	pthread_t *thread;
	int opt;

	while ((opt = getopt(argc, argv, "qc:n:r:f:t:")) != -1) {
		if (opt == 'q')
			job.quiet = true;
		else if (opt == 'c')
			connections = strtol(optarg, NULL, 10);
		else if (opt == 'n')
			times = strtol(optarg, NULL, 10);
		else if (opt == 'r')
			job.rate = strtod(optarg, NULL);
		else if (opt == 'f')
			job.from = optarg;
		else if (opt == 't' && job.to_count < TO_MAX)
			job.to[job.to_count++] = optarg;
		else
			return usage();
	}
	if (argc - optind < 2 || connections < 1 || times < 1)
		return usage();
	if (job.to_count == 0)
		job.to[job.to_count++] = "reports@test.example";
	job.address = argv[optind];
	job.file = argv + optind + 1;
	job.file_count = argc - optind - 1;
	job.mail_count = job.file_count * times;
	job.took = calloc((size_t)job.mail_count, sizeof(*job.took));
	thread = calloc((size_t)connections, sizeof(*thread));
	if (job.took == NULL || thread == NULL)
		return 1;
	job.start = now();
	for (i = 0; i < connections; i++)
		if (pthread_create(&thread[i], NULL, run, &job) != 0)
			return 1;
	for (i = 0; i < connections; i++)
		(void)pthread_join(thread[i], NULL);
	free(thread);
	summary(&job, now() - job.start);
	free(job.took);
	return job.lost > 0 ||
	       job.class_count[2] != job.mail_count * job.to_count;
}
