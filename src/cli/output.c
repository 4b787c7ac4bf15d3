#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"

enum sofa_code sofa_output_finish(struct sofa_err *err)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return sofa_fail(err, SOFA_E_IO, "cannot write to standard output: %s", strerror(errno));
    return SOFA_OK;
}

/* cJSON prints 15 or 17 digits, whichever reads back, and null for what JSON has no word for. */
enum sofa_code sofa_json_print(struct cJSON *json, struct sofa_err *err)
{
    char *text = json ? cJSON_Print(json) : NULL;

    cJSON_Delete(json);
    if (!text)
        return sofa_fail_nomem(err, "the output");
    puts(text);
    cJSON_free(text);
    return sofa_output_finish(err);
}
