#define SOFA_BLOCK_NAME sofa_block_portable
#include "model/block_tmpl.h"
