#include "acsr/compiler.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

extern char **environ;

/* The file that a word names as a program, malloc'd; NULL where it is none. */
static char *program(const char *word)
{
    const char *path = getenv("PATH"), *end;

    if (strchr(word, '/'))
        return access(word, X_OK) == 0 && !sofa_is_directory(word) ? realpath(word, NULL) : NULL;
    for (path = path ? path : "/bin:/usr/bin"; *path; path = *end ? end + 1 : end) {
        char *file, *real = NULL;

        end = path + strcspn(path, ":");
        file = sofa_format("%.*s/%s", (int)(end - path), path, word);
        if (file && end > path && access(file, X_OK) == 0 && !sofa_is_directory(file))
            real = realpath(file, NULL);
        free(file);
        if (real)
            return real;
    }
    return NULL;
}

enum sofa_code sofa_compiler_find(const char *command, struct sofa_compiler *compiler, struct sofa_err *err)
{
    const char *cc = getenv("CC");
    char *file;

    memset(compiler, 0, sizeof *compiler);
    compiler->words = sofa_format("%s", command ? command : cc && *cc ? cc : "cc");
    if (!compiler->words)
        return sofa_fail_nomem(err, "a compiler's name");
    for (char *word = strtok(compiler->words, " \t"); word && compiler->n < 16; word = strtok(NULL, " \t"))
        compiler->argv[compiler->n++] = word;
    if (!compiler->n)
        return sofa_fail(err, SOFA_E_EVAL, "no compiler is named");
    file = program(compiler->argv[0]);
    if (!file)
        return sofa_fail(err, SOFA_E_EVAL, "there is no compiler '%s'", compiler->argv[0]);
    free(file);
    return SOFA_OK;
}

void sofa_compiler_release(struct sofa_compiler *compiler)
{
    free(compiler->words);
    compiler->words = NULL;
}

void sofa_compiler_identity(const struct sofa_compiler *compiler, struct sofa_str *text)
{
    for (size_t i = 0; i < compiler->n; i++) {
        char *file = program(compiler->argv[i]);
        struct stat s;

        sofa_str_addf(text, "%s", compiler->argv[i]);
        if (file && stat(file, &s) == 0)
            sofa_str_addf(text, " %s %lld %lld.%09ld", file, (long long)s.st_size, (long long)s.st_mtim.tv_sec,
                          s.st_mtim.tv_nsec);
        sofa_str_add(text, "\n");
        free(file);
    }
}

static enum sofa_code start(char *const *argv, const char *log, pid_t *pid, struct sofa_err *err)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int rc;

    if (posix_spawn_file_actions_init(&files) != 0)
        return sofa_fail_nomem(err, "a compiler's process");
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return sofa_fail_nomem(err, "a compiler's process");
    }
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP); /* a group of its own, to be ended as a whole */
    posix_spawnattr_setpgroup(&attributes, 0);
    rc = posix_spawnp(pid, argv[0], &files, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return rc == 0 ? SOFA_OK : sofa_fail(err, SOFA_E_EVAL, "the compiler '%s' can't be started: %s", argv[0], strerror(rc));
}

/* The first line of the log that has "error" in it, else its first. */
static void add_message(const char *log, struct sofa_err *err)
{
    char *text, *line;
    size_t size;

    if (sofa_file_read(log, (size_t)1 << 20, &text, &size, NULL) != SOFA_OK)
        return;
    line = strstr(text, "error");
    while (line && line > text && line[-1] != '\n')
        line--;
    line = line ? line : text;
    if (*line && *line != '\n')
        sofa_err_append(err, ": %.*s", (int)strcspn(line, "\n"), line);
    free(text);
}

/* Until it ends or must: 0 and its status, or why it was killed. */
static enum sofa_code await(pid_t pid, const char *name, double timeout_s, const atomic_bool *cancel, int *status,
                            struct sofa_err *err)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    double until = sofa_seconds() + timeout_s;
    enum sofa_code rc = SOFA_OK;
    pid_t ended;

    while ((ended = waitpid(pid, status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        if (cancel && atomic_load(cancel))
            rc = sofa_fail(err, SOFA_E_INTERRUPTED, "stopped by a signal");
        else if (sofa_seconds() > until)
            rc = sofa_fail(err, SOFA_E_EVAL, "the compiler '%s' took longer than %g s", name, timeout_s);
        if (rc != SOFA_OK) {
            kill(-pid, SIGKILL);
            kill(pid, SIGKILL);
            while (waitpid(pid, status, 0) < 0 && errno == EINTR)
                ;
            return rc;
        }
        nanosleep(&pause, NULL);
    }
    return ended == pid ? SOFA_OK : sofa_fail(err, SOFA_E_EVAL, "the compiler '%s' was lost: %s", name, strerror(errno));
}

enum sofa_code sofa_compiler_run(const struct sofa_compiler *compiler, const char *const *more, const char *log,
                                 double timeout_s, const atomic_bool *cancel, struct sofa_err *err)
{
    char *argv[SOFA_COMPILER_WORDS];
    size_t n = compiler->n;
    enum sofa_code rc;
    int status = 0;
    pid_t pid;

    memcpy(argv, compiler->argv, sizeof argv);
    while (*more && n + 1 < SOFA_COMPILER_WORDS)
        argv[n++] = (char *)*more++;
    argv[n] = NULL;
    SOFA_TRY(start(argv, log, &pid, err));
    SOFA_TRY(await(pid, argv[0], timeout_s, cancel, &status, err));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return SOFA_OK;
    if (WIFEXITED(status))
        rc = sofa_fail(err, SOFA_E_EVAL, "the compiler '%s' ended with status %d", argv[0], WEXITSTATUS(status));
    else
        rc = sofa_fail(err, SOFA_E_EVAL, "the compiler '%s' was ended by signal %d", argv[0], WTERMSIG(status));
    add_message(log, err);
out:
    return rc;
}
