#include <stdio.h>

int main(void)
{
    puts("sofa-dse");
    return 0;
}
