#define SOFA_BLOCK_NAME sofa_block_avx2
#include "model/block_tmpl.h"
