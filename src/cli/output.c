#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"

enum sofa_code sofa_output_finish(struct sofa_err *err)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return sofa_fail(err, SOFA_E_IO, "cannot write to standard output: %s", strerror(errno));
    return SOFA_OK;
}

enum sofa_code sofa_json_print(struct cJSON *json, struct sofa_err *err)
{
    char *text = sofa_json_text(json);

    cJSON_Delete(json);
    if (!text)
        return sofa_fail_nomem(err, "the output");
    puts(text);
    cJSON_free(text);
    return sofa_output_finish(err);
}
