/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cage.c - what works inside of the cage and what does not. Each attempt
 * is made by a child that has closed the cage around itself.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <iconv.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cage.h"
#include "tests/unit/unit.h"

#define EXIT_NO_WALL 200 /* this system has not got what the row is about */

enum wall { WALL_NONE, WALL_FILES, WALL_CALLS };

static char top[] = "/tmp/intake-cage.XXXXXX";

static char *
in_top(const char *name, char path[64])
{
	(void)snprintf(path, 64, "%s/%s", top, name);
	return path;
}

static int
write_file(const char *name)
{
	char path[64];
	int fd = open(in_top(name, path), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int rc = fd >= 0 && write(fd, "x", 1) == 1 ? 0 : errno;

	if (fd >= 0)
		(void)close(fd);
	return rc;
}

static int
read_file(const char *name)
{
	char path[64], c;
	int fd = open(in_top(name, path), O_RDONLY | O_CLOEXEC);
	int rc = fd >= 0 && read(fd, &c, 1) == 1 ? 0 : errno;

	if (fd >= 0)
		(void)close(fd);
	return rc;
}

static int
write_inside(void)
{
	return write_file("state/new");
}

static int
write_outside(void)
{
	return write_file("outside/new");
}

static int
change_outside(void)
{
	return write_file("outside/there");
}

static int
remove_outside(void)
{
	char path[64];

	return unlink(in_top("outside/there", path)) == 0 ? 0 : errno;
}

static int
read_outside(void)
{
	return read_file("outside/there");
}

static int
read_secret(void)
{
	return read_file("secrets/password");
}

static int
read_listed(void)
{
	return read_file("maps/second.csv");
}

static int
read_configuration(void)
{
	return read_file("conf/intake.conf");
}

static int
write_configuration(void)
{
	return write_file("conf/intake.conf");
}

static int
remove_socket(void)
{
	char path[64];

	return unlink(in_top("socket/lmtp.sock", path)) == 0 ? 0 : errno;
}

/* As a mail goes into the quarantine. */
static int
move_inside(void)
{
	char from[64], to[64];

	if (write_file("state/quarantine/tmp/m") != 0 ||
	    rename(in_top("state/quarantine/tmp/m", from),
		in_top("state/quarantine/new/m", to)) < 0)
		return errno;
	return unlink(to) == 0 ? 0 : errno;
}

static int
temporary_file(void)
{
	char path[64];
	int fd =
	    open(in_top("state", path), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	(void)close(fd);
	return 0;
}

static int
start_program(void)
{
	char *const arguments[] = { (char *)(uintptr_t) "true", NULL };

	(void)execv("/bin/true", arguments);
	return errno;
}

static int
spawn_program(void)
{
	char *const arguments[] = { (char *)(uintptr_t) "true", NULL };
	pid_t pid;

	return posix_spawn(&pid, "/bin/true", NULL, NULL, arguments, environ);
}

static int
start_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0 ? 0 : errno;
}

static int
trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : errno;
}

static int
packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) >= 0 ? 0 : errno;
}

static int
listen_anew(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return EIO;
	return bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 ? 0 : errno;
}

/* glibc loads a module for it. */
static int
read_japanese(void)
{
	static const char mail[] = "\033$BF|K\\8l\033(B";
	static const char utf8[] = "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e";
	char in[sizeof(mail)], out[32] = "", *from = in, *to = out;
	size_t left = sizeof(mail) - 1, room = sizeof(out) - 1;
	iconv_t cd = iconv_open("UTF-8", "ISO-2022-JP");

	if (cd == (iconv_t)-1)
		return errno;
	memcpy(in, mail, sizeof(mail));
	if (iconv(cd, &from, &left, &to, &room) == (size_t)-1)
		return errno;
	(void)iconv_close(cd);
	return strcmp(out, utf8) == 0 ? 0 : EILSEQ;
}

static int
resolve_name(void)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;

	if (getaddrinfo("localhost", "smtp", &hints, &found) != 0)
		return ENOENT;
	freeaddrinfo(found);
	return 0;
}

/* Of an address that no file has: the resolver itself must be asked. */
static int
ask_resolver(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	char name[64];
	int rc;

	a.sin_addr.s_addr = htonl(0x7f000099); /* 127.0.0.153 */
	rc = getnameinfo((struct sockaddr *)&a, sizeof(a), name, sizeof(name),
	    NULL, 0, NI_NAMEREQD);
	return rc == 0 || rc == EAI_NONAME || rc == EAI_AGAIN ? 0 : EIO;
}

static void *
nothing(void *argument)
{
	return argument;
}

static int
start_thread(void)
{
	pthread_t thread;
	int rc = pthread_create(&thread, NULL, nothing, NULL);

	return rc == 0 ? pthread_join(thread, NULL) : rc;
}

static int
dump_core(void)
{
	struct rlimit now;

	if (getrlimit(RLIMIT_CORE, &now) < 0)
		return errno;
	return now.rlim_cur == 0 && now.rlim_max == 0 &&
		       prctl(PR_GET_DUMPABLE) == 0
		   ? EPERM
		   : 0;
}

static const struct row {
	const char *name;
	int (*attempt)(void);
	enum wall wall; /* that is needed to see it */
	int error;      /* 0: it works; -SIGNAL: it ends the process */
} rows[] = {
	{ "write inside", write_inside, WALL_NONE, 0 },
	{ "move from folder to folder", move_inside, WALL_NONE, 0 },
	{ "temporary file", temporary_file, WALL_NONE, 0 },
	{ "read ISO-2022-JP", read_japanese, WALL_NONE, 0 },
	{ "resolve a name", resolve_name, WALL_NONE, 0 },
	{ "ask the resolver", ask_resolver, WALL_NONE, 0 },
	{ "thread", start_thread, WALL_NONE, 0 },
	{ "file of a secret", read_secret, WALL_NONE, 0 },
	{ "file in a list", read_listed, WALL_NONE, 0 },
	{ "read the configuration", read_configuration, WALL_NONE, 0 },
	{ "remove the socket", remove_socket, WALL_NONE, 0 },
	{ "core dump", dump_core, WALL_NONE, EPERM },
	{ "write outside", write_outside, WALL_FILES, EACCES },
	{ "change a file outside", change_outside, WALL_FILES, EACCES },
	{ "remove a file outside", remove_outside, WALL_FILES, EACCES },
	{ "read a file outside", read_outside, WALL_FILES, EACCES },
	{ "write the configuration", write_configuration, WALL_FILES, EACCES },
	{ "execve", start_program, WALL_CALLS, -SIGSYS },
	{ "posix_spawn", spawn_program, WALL_CALLS, ENOSYS },
	{ "fork", start_process, WALL_CALLS, ENOSYS },
	{ "ptrace", trace, WALL_CALLS, -SIGSYS },
	{ "packet socket", packet_socket, WALL_CALLS, ENOSYS },
	{ "listen anew", listen_anew, WALL_CALLS, ENOSYS },
};

static struct conf *
conf_of(bool has_cage)
{
	char path[64];
	struct conf *conf;
	struct err e = { 0 };
	FILE *f = fopen(in_top("conf/intake.conf", path), "we");

	assert_non_null(f);
	(void)fprintf(f,
	    "[intake]\nstate_path = %s/state\ncage = %s\n"
	    "[smtp]\npassword_file = %s/secrets/password\n"
	    "[enrich]\nsource_map_path = /etc/first.csv, %s/maps/second.csv\n",
	    top, has_cage ? "yes" : "no", top, top);
	assert_int_equal(fclose(f), 0);
	if (conf_load(&conf, path, &e) < 0)
		fail_msg("%s", e.text);
	return conf;
}

/* The child; its exit code is what the attempt gave. */
static void
child(const struct row *row, struct conf *conf)
{
	struct cage_state state;
	char socket[80];

	(void)snprintf(socket, sizeof(socket), "unix:%s/socket/lmtp.sock", top);
	cage_close(conf, socket, &state);
	if ((row->wall == WALL_FILES &&
		strstr(state.text, "no wall around f")) ||
	    (row->wall == WALL_CALLS && strstr(state.text, "no wall around s")))
		_exit(EXIT_NO_WALL);
	_exit(row->attempt());
}

static void
attempt(void **state)
{
	const struct row *row = *state;
	struct conf *conf;
	int status;
	pid_t pid;

	if (!unit_has_bounds())
		skip(); /* sanitizers and valgrind cannot live in a cage */
	conf = conf_of(true);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(row, conf);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	conf_free(&conf);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_WALL)
		skip();
	if (row->error < 0) {
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), -row->error);
	} else {
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), row->error);
	}
}

/* "cage = no" leaves all as it is. */
static void
off(void **state)
{
	struct conf *conf = conf_of(false);
	struct cage_state cage;

	(void)state;
	cage_close(conf, NULL, &cage);
	assert_true(cage.is_whole);
	assert_string_equal(cage.text, "off, as [intake] cage says");
	assert_int_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
	assert_int_equal(write_outside(), 0);
	conf_free(&conf);
}

static int
remove_entry(
    const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

int
main(void)
{
	static const char *const folders[] = { "state", "state/quarantine",
		"state/quarantine/tmp", "state/quarantine/new", "outside",
		"secrets", "conf", "socket", "maps" };
	struct unit u = { 0 };
	char path[64];
	size_t i;
	int rc;

	if (mkdtemp(top) == NULL)
		return 1;
	for (i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (mkdir(in_top(folders[i], path), 0700) < 0)
			return 1;
	if (write_file("outside/there") != 0 ||
	    write_file("secrets/password") != 0 ||
	    write_file("maps/second.csv") != 0 ||
	    write_file("socket/lmtp.sock") != 0)
		return 1;
	UNIT_ROWS(&u, rows, attempt);
	UNIT_ONE(&u, off);
	rc = unit_run("cage", &u);
	(void)nftw(top, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	return rc;
}
