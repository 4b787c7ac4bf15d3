#include "base/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/str.h"

/* Its own text in place of a number, and so on down. */
static bool write_numbers(cJSON *item)
{
    bool done = true;

    if (cJSON_IsNumber(item) && isfinite(item->valuedouble)) {
        item->valuestring = cJSON_malloc(SOFA_DOUBLE_TEXT_MAX);
        if (!item->valuestring)
            return false;
        sofa_double_text(item->valuedouble, item->valuestring);
        item->type = (item->type & ~0xFF) | cJSON_Raw;
    }
    for (cJSON *child = item->child; done && child; child = child->next)
        done = write_numbers(child);
    return done;
}

char *sofa_json_text(struct cJSON *json)
{
    return json && write_numbers(json) ? cJSON_Print(json) : NULL;
}

char *sofa_json_line(struct cJSON *json)
{
    return json && write_numbers(json) ? cJSON_PrintUnformatted(json) : NULL;
}
