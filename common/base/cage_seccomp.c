/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cage_seccomp.c - the wall around the kernel: which system calls there are,
 * by libseccomp. What is not in the list answers ENOSYS, as an older kernel
 * does, and the C library does without; what nobody honest calls here ends
 * the process.
 */
#include <errno.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#ifdef HAVE_SECCOMP
#include <seccomp.h>
#endif

#include "common/base/cage_internal.h"

#ifdef HAVE_SECCOMP
/* Names that an architecture or a libseccomp does not know are left out. */
static const char *const allowed[] = {
	/* files */
	"access", "chmod", "close", "close_range", "copy_file_range", "creat",
	"dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64",
	"fadvise64_64", "arm_fadvise64_64", "fallocate", "fchmod", "fchmodat",
	"fchmodat2", "fchown", "fchown32", "fcntl", "fcntl64", "fdatasync",
	"flock", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64",
	"fsync", "ftruncate", "ftruncate64", "getcwd", "getdents", "getdents64",
	"link", "linkat", "_llseek", "lseek", "lstat", "lstat64", "mkdir",
	"mkdirat", "newfstatat", "open", "openat", "pipe", "pipe2", "pread64",
	"preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read",
	"readahead", "readlink", "readlinkat", "readv", "rename", "renameat",
	"renameat2", "rmdir", "sendfile", "sendfile64", "stat", "stat64",
	"statfs", "statfs64", "statx", "sync_file_range", "sync_file_range2",
	"truncate", "truncate64", "umask", "unlink", "unlinkat", "utimensat",
	"utimensat_time64", "write", "writev",
	/* waiting */
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait",
	"epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "_newselect",
	"poll", "ppoll", "ppoll_time64", "pselect6", "pselect6_time64",
	"select", "signalfd", "signalfd4", "timerfd_create", "timerfd_gettime",
	"timerfd_settime", "timerfd_settime64",
	/* memory */
	"brk", "madvise", "membarrier", "mincore", "mprotect", "mremap",
	"msync", "munmap", "mmap", "mmap2", "mlock", "mlock2", "munlock",
	/* threads, signals, ourselves */
	"exit", "exit_group", "futex", "futex_time64", "futex_waitv",
	"get_robust_list", "set_robust_list", "set_tid_address", "rseq",
	"gettid", "getpid", "getppid", "getpgrp", "getuid", "getuid32",
	"geteuid", "geteuid32", "getgid", "getgid32", "getegid", "getegid32",
	"getresuid", "getresuid32", "getresgid", "getresgid32", "getgroups",
	"getgroups32", "getpriority", "getrlimit", "ugetrlimit", "getrusage",
	"prlimit64", "setrlimit", "prctl", "capget", "restart_syscall",
	"rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn",
	"rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64",
	"sigaltstack", "sigreturn", "tgkill", "sched_getaffinity",
	"sched_getattr", "sched_getparam", "sched_getscheduler",
	"sched_get_priority_max", "sched_get_priority_min", "sched_yield",
	"sysinfo", "uname", "getcpu", "arch_prctl", "set_thread_area",
	"set_tls", "cacheflush", "riscv_flush_icache", "riscv_hwprobe",
	/* time, chance */
	"clock_getres", "clock_getres_time64", "clock_gettime",
	"clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64",
	"gettimeofday", "nanosleep", "time", "times", "getrandom",
	/* sockets that are there */
	"accept", "accept4", "connect", "getpeername", "getsockname",
	"getsockopt", "recv", "recvfrom", "recvmmsg", "recvmmsg_time64",
	"recvmsg", "send", "sendmmsg", "sendmsg", "sendto", "setsockopt",
	"shutdown", "socketpair"
};

/* An attacker's, and never a library's. */
static const char *const deadly[] = { "execve", "execveat", "ptrace",
	"process_vm_readv", "process_vm_writev", "bpf", "mount", "umount2",
	"pivot_root", "chroot", "setns", "unshare", "init_module",
	"finit_module", "delete_module", "kexec_load", "kexec_file_load",
	"reboot", "swapon", "keyctl", "add_key", "request_key" };

static int
add_names(scmp_filter_ctx ctx, uint32_t action, const char *const *names,
    size_t count)
{
	size_t i;
	int nr, rc = 0;

	for (i = 0; rc == 0 && i < count; i++) {
		nr = seccomp_syscall_resolve_name(names[i]);
		if (nr != __NR_SCMP_ERROR)
			rc = seccomp_rule_add(ctx, action, nr, 0);
		if (rc == -EDOM || rc == -EINVAL)
			rc = 0; /* not on this architecture */
	}
	return rc;
}

/* Those that are allowed with some arguments only. */
static int
add_conditions(scmp_filter_ctx ctx)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6 };
	static const unsigned long ioctls[] = { TCGETS, FIONREAD, FIONBIO };
	size_t i;
	int rc;

	/* threads, and no process; clone3's are out of sight: ENOSYS */
#ifdef __s390__ /* its arguments are the other way round */
	rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
	    SCMP_A1(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
#else
	rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
	    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
#endif
	for (i = 0; rc == 0 && i < sizeof(families) / sizeof(*families); i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
		    SCMP_A0_32(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	for (i = 0; rc == 0 && i < sizeof(ioctls) / sizeof(*ioctls); i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
		    SCMP_A1_32(SCMP_CMP_EQ, ioctls[i]));
	return rc;
}

int
cage_seccomp(const char **why)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc;

	if (ctx == NULL) {
		*why = "libseccomp cannot start";
		return -1;
	}
	rc = add_names(
	    ctx, SCMP_ACT_ALLOW, allowed, sizeof(allowed) / sizeof(*allowed));
	if (rc == 0)
		rc = add_names(ctx, SCMP_ACT_KILL_PROCESS, deadly,
		    sizeof(deadly) / sizeof(*deadly));
	if (rc == 0)
		rc = add_conditions(ctx);
	if (rc == 0)
		rc = seccomp_load(ctx);
	if (rc < 0)
		*why = strerrordesc_np(-rc);
	seccomp_release(ctx);
	return rc < 0 ? -1 : 0;
}
#else
int
cage_seccomp(const char **why)
{
	*why = "built without libseccomp";
	return -1;
}
#endif
