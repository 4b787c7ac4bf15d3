#include <gsl/gsl_errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "cli/cli.h"

static const struct sofa_command *const commands[] = {
    &sofa_cmd_explore,
    &sofa_cmd_evaluate,
    &sofa_cmd_check,
    &sofa_cmd_attention,
    &sofa_cmd_lm,
    &sofa_cmd_pattern,
    &sofa_cmd_report,
    &sofa_cmd_validate,
    &sofa_cmd_compare,
    &sofa_cmd_sweep,
    &sofa_cmd_merge,
    &sofa_cmd_list,
};
#define N_COMMANDS (sizeof commands / sizeof *commands)

static void print_help(void)
{
    puts("usage: sofa-dse COMMAND [OPTIONS] [FILE...]\n\n"
         "Explores designs of sparse-attention accelerators: accuracy by running the sparse-attention\n"
         "kernel inside a trained language model, latency, energy and area by an analytical model.\n\n"
         "commands:");
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    puts("\n'sofa-dse COMMAND --help' tells more; 'sofa-dse --version' which version this is.");
}

static const struct sofa_command *find_command(const char *name, struct sofa_err *err)
{
    const char *names[N_COMMANDS];

    for (size_t i = 0; i < N_COMMANDS; i++) {
        names[i] = commands[i]->name;
        if (strcmp(names[i], name) == 0)
            return commands[i];
    }
    sofa_fail(err, SOFA_E_USAGE, "unknown command '%s'", name);
    sofa_err_append_hint(err, name, names, N_COMMANDS, "sofa-dse --help");
    return NULL;
}

/* The line of the file that the complaint is about, with a caret below the column. */
static void print_excerpt(const struct sofa_err *err)
{
    char *data, *line;
    size_t size;

    if (err->line < 1 || sofa_file_read(err->file, (size_t)1 << 20, &data, &size, NULL) != SOFA_OK)
        return;
    line = data;
    for (int i = 1; i < err->line && line; i++) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (line && *line && *line != '\n') {
        line[strcspn(line, "\r\n")] = '\0';
        fprintf(stderr, "  %.160s\n", line);
        if (err->column >= 1 && err->column <= 160)
            fprintf(stderr, "  %*s^\n", err->column - 1, "");
    }
    free(data);
}

int sofa_finish(enum sofa_code rc, const struct sofa_err *err)
{
    char text[SOFA_ERR_FILE_MAX + SOFA_ERR_TEXT_MAX + 32];

    if (rc == SOFA_OK)
        return 0;
    sofa_err_format(err, text, sizeof text);
    fprintf(stderr, "sofa-dse: %s\n", *text ? text : sofa_code_text(rc));
    print_excerpt(err);
    return sofa_code_status(rc);
}

int main(int argc, char **argv)
{
    struct sofa_err err = SOFA_ERR_INIT;
    const struct sofa_command *command;

    gsl_set_error_handler_off();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a write past a limit is an error like a full disk */
    if (argc < 2) {
        sofa_fail(&err, SOFA_E_USAGE, "no command; 'sofa-dse --help' lists them");
        return sofa_finish(SOFA_E_USAGE, &err);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help();
        return sofa_finish(sofa_output_finish(&err), &err);
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts(PACKAGE_STRING);
        return sofa_finish(sofa_output_finish(&err), &err);
    }
    command = find_command(argv[1], &err);
    if (!command)
        return sofa_finish(SOFA_E_USAGE, &err);
    return sofa_finish(command->run(argc - 1, argv + 1, &err), &err);
}
