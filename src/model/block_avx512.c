#define SOFA_BLOCK_NAME sofa_block_avx512
#include "model/block_tmpl.h"
