/*
 * Within the room: the text of vec.h, run.h, tile.h and line.h, and what stands before and behind the tables of a
 * generated kernel, as lines that end with NULL.  Made from those files when the program is built (room.am).
 */
#ifndef SOFA_ACSR_TILE_TEXT_H
#define SOFA_ACSR_TILE_TEXT_H

extern const char *const sofa_acsr_tile_text[];
extern const char *const sofa_acsr_generated_head[];
extern const char *const sofa_acsr_generated_tail[];

#endif
