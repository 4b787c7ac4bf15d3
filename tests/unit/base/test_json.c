#include "base/json.h"

#include <cjson/cJSON.h>
#include <math.h>

#include "base/rng.h"
#include "tests/unit/test.h"

static void numbers_read_back_to_the_same_double(void **state)
{
    gsl_rng *rng = sofa_rng_new(7, 0);
    cJSON *list = cJSON_CreateArray(), *again;
    double x[4000];
    char *text;

    (void)state;
    for (size_t i = 0; i < 4000; i++) {
        x[i] = ldexp(gsl_rng_uniform(rng), (int)(i % 200) - 100) * (i % 3 ? 1 : -1);
        cJSON_AddItemToArray(list, cJSON_CreateNumber(x[i]));
    }
    text = sofa_json_text(list);
    assert_non_null(text);
    again = cJSON_Parse(text);
    for (int i = 0; i < 4000; i++)
        assert_true(cJSON_GetArrayItem(again, i)->valuedouble == x[i]);
    free(text);
    cJSON_Delete(list);
    cJSON_Delete(again);
    gsl_rng_free(rng);
}

static void documents_look_as_people_write_them(void **state)
{
    cJSON *root = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(root, "list");
    char *text;

    (void)state;
    cJSON_AddItemToArray(list, cJSON_CreateNumber(17));
    cJSON_AddItemToArray(list, cJSON_CreateNumber(0.1));
    cJSON_AddItemToArray(list, cJSON_CreateNumber(NAN));
    cJSON_AddStringToObject(root, "text", "\"1\"");
    text = sofa_json_text(root);
    assert_string_equal(text, "{\n\t\"list\":\t[17, 0.1, null],\n\t\"text\":\t\"\\\"1\\\"\"\n}");
    free(text);
    cJSON_Delete(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_read_back_to_the_same_double),
        cmocka_unit_test(documents_look_as_people_write_them),
    };

    return cmocka_run_group_tests_name("base/json", tests, NULL, NULL);
}
