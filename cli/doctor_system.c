/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_system.c - probes of this machine: permissions, disk, clock, sockets,
 * databases of addresses, sinks.
 */
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/daemon.h"
#include "common/pipeline.h"

#include "cli/doctor.h"

#define DAY_S 86400
#define IP_DB_DAYS 45 /* the publishers bring one every week or month */
#define MIB ((uint64_t)1 << 20)
#define DISK_LEAST (1024 * MIB)
#define ANSWER_S 10

static void
probe_conf_file(struct doctor *d)
{
	const char *path = d->conf->path;
	struct stat st;

	if (path == NULL) {
		doctor_skip("no configuration file, all defaults");
	} else if (stat(path, &st) < 0) {
		doctor_find(d, "look at the folders above it", "%s: %s", path,
		    strerrordesc_np(errno));
	} else if ((st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) != 0) {
		doctor_find(d,
		    "chown root:dmarc-intake and chmod 0640; it may hold "
		    "passwords",
		    "%s has mode %03o", path, (unsigned)st.st_mode & 0777);
	} else {
		doctor_well(
		    "%s has mode %03o", path, (unsigned)st.st_mode & 0777);
	}
}

void
probe_permissions(struct doctor *d)
{
	const char *path = d->conf->intake.state_path;
	struct stat st;

	probe_conf_file(d);
	if (stat(path, &st) < 0)
		doctor_find(d,
		    "mkdir it, chown it to the user of the daemons, chmod "
		    "0750",
		    "state folder %s: %s", path, strerrordesc_np(errno));
	else if ((st.st_mode & (S_IRWXO | S_IWGRP)) != 0)
		doctor_find(d, "chmod 0750; there are people's mails in it",
		    "state folder %s has mode %03o", path,
		    (unsigned)st.st_mode & 0777);
	else if (st.st_uid == 0)
		doctor_find(d,
		    "chown -R it to a user of its own (dmarc-intake): the "
		    "daemons take that user's rights",
		    "state folder %s is root's", path);
	else
		doctor_well("state folder %s has mode %03o", path,
		    (unsigned)st.st_mode & 0777);
}

void
probe_disk(struct doctor *d)
{
	const char *path = d->conf->intake.state_path;
	uint64_t need = d->conf->quarantine.max_bytes, free_bytes;
	struct statvfs fs;

	if (need < DISK_LEAST)
		need = DISK_LEAST;
	if (statvfs(path, &fs) < 0) {
		doctor_skip("disk of %s: %s", path, strerrordesc_np(errno));
		return;
	}
	free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (free_bytes < need)
		doctor_find(d,
		    "make room, or lower [quarantine] max_bytes; with a full "
		    "disk mails wait in the queue of the mail server",
		    "%s has %" PRIu64 " MB free, and the quarantine alone "
		    "may take %" PRIu64 " MB",
		    path, free_bytes / MIB, need / MIB);
	else
		doctor_well(
		    "%s has %" PRIu64 " MB free", path, free_bytes / MIB);
}

void
probe_clock(struct doctor *d)
{
	struct timex now = { 0 };

	if (adjtimex(&now) < 0)
		doctor_skip("clock: %s", strerrordesc_np(errno));
	else if ((now.status & STA_UNSYNC) != 0)
		doctor_find(d,
		    "run chrony, ntpd or systemd-timesyncd: retention and "
		    "[intake] hold_limit go by the clock (in a container: "
		    "on its host)",
		    "nobody keeps the clock in time");
	else
		doctor_well("the clock is kept in time");
}

void
probe_ip_db(struct doctor *d)
{
	const struct conf_list *paths = &d->conf->enrich.ip_db_path;
	struct stat st;
	int64_t days;
	size_t i;

	if (paths->count == 0)
		doctor_skip("no [enrich] ip_db_path: country and network of "
			    "sources stay empty");
	for (i = 0; i < paths->count; i++) {
		if (stat(paths->item[i], &st) < 0) {
			doctor_find(d, "fetch it, or correct ip_db_path",
			    "%s: %s", paths->item[i], strerrordesc_np(errno));
			continue;
		}
		days = (clock_now() - st.st_mtime) / DAY_S;
		if (days > IP_DB_DAYS)
			doctor_find(d,
			    "let geoipupdate or a timer bring a new one; it "
			    "is taken over without a restart",
			    "%s is %" PRId64 " days old", paths->item[i], days);
		else
			doctor_well(
			    "%s is %" PRId64 " days old", paths->item[i], days);
	}
}

int
doctor_connect(const char *where)
{
	const struct timeval patience = { .tv_sec = ANSWER_S };
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct addrinfo *found = NULL;
	const char *colon = strrchr(where, ':');
	char host[256];
	int fd, rc;

	if (strncmp(where, "unix:", 5) == 0) {
		(void)snprintf(
		    sun.sun_path, sizeof(sun.sun_path), "%s", where + 5);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		rc = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	} else {
		where += *(where + 5) == '[' ? 6 : 5;
		(void)snprintf(
		    host, sizeof(host), "%.*s", (int)(colon - where), where);
		host[strcspn(host, "]")] = '\0';
		if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
			errno = EADDRNOTAVAIL;
			return -1;
		}
		fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		rc = connect(fd, found->ai_addr, found->ai_addrlen);
		freeaddrinfo(found);
	}
	if (rc < 0) {
		(void)close(fd);
		return -1;
	}
	(void)setsockopt(
	    fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

void
probe_sockets(struct doctor *d)
{
	const char *where = d->conf->lmtp.listen;
	char greeting[4] = "";
	int fd;

	if (d->instead_of_lmtp != NULL) {
		doctor_skip("[lmtp] listen %s is not used: %s", where,
		    d->instead_of_lmtp);
		return;
	}
	if ((fd = doctor_connect(where)) < 0) {
		doctor_find(d,
		    "systemctl status dmarc-intake-lmtpd.socket "
		    "dmarc-intake-lmtpd.service; nothing is lost meanwhile, "
		    "the mail server keeps what comes",
		    "nobody answers on %s: %s", where, strerrordesc_np(errno));
		return;
	}
	if (recv(fd, greeting, 3, MSG_WAITALL) == 3 &&
	    strcmp(greeting, "220") == 0)
		doctor_well("dmarc-intake-lmtpd answers on %s", where);
	else
		doctor_find(d,
		    "look into its log: too many connections, or not in "
		    "[lmtp] networks?",
		    "%s takes a connection and does not say 220", where);
	(void)close(fd);
}

/* pipeline_check gives its callback nothing of ours. */
static struct doctor *told_doctor;

static void
told(const char *what, const struct err *e)
{
	if (e == NULL)
		doctor_well("%s", what);
	else if (e->kind == ERR_NONE)
		doctor_find(told_doctor, "see dmarc-intake(1), setup and check",
		    "%s: %s", what, e->text);
	else
		doctor_find(told_doctor,
		    "dmarc-intake check again when it is mended; mails "
		    "wait with the mail server",
		    "%s: %s", what, e->text);
}

void
probe_sinks(struct doctor *d)
{
	struct pipeline_backlog backlog;
	struct pipeline *p = NULL;
	struct conf *conf = conf_ref((struct conf *)(uintptr_t)d->conf);
	struct err e = { 0 };

	told_doctor = d;
	if (daemon_become_owner(conf->intake.state_path, &e) < 0 ||
	    pipeline_open(&p, conf, &e) < 0) {
		told("start", &e);
	} else {
		(void)pipeline_check(p, told);
		if (pipeline_backlog(p, &backlog, &e) == 0 && backlog.kept > 0)
			doctor_find(d,
			    "read the reasons in the quarantine's why folder; "
			    "after an upgrade, dmarc-intake replay",
			    "%" PRIu64 " mails could not be read and are kept",
			    (uint64_t)backlog.kept);
	}
	pipeline_close(&p);
	conf_free(&conf);
}
