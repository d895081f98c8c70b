/* A library that a module depends on. It exports the entries of a module itself. Nobody has allowed
   it, so no call must reach it. */

#include <stdlib.h>

int dependency(void) { return 0; }

unsigned long C_GetInterface(void *name, void *version, void **interface, unsigned long flags) {
    abort();
}

#ifdef FUNCTION_LIST
unsigned long C_GetFunctionList(void **list) { abort(); }
#endif
