/* A module that passes the functions of WRAPPED on. Macros add faults of real modules:
   INTERFACE_FAILS: C_GetInterface answers an error, as that of Luna 10.5 does.
   DEPENDS: a library that the module is linked with exports C_GetInterface too.
   NEW_LIST: C_GetFunctionList returns another list each time, as p11-kit's does. Only the functions
   of the list that was initialised work. */

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long CK_RV;
typedef CK_RV (*get_function_list)(void **list);
typedef CK_RV (*initialize)(void *arguments);
typedef CK_RV (*sign)(unsigned long, void *, unsigned long, void *, unsigned long *);

#ifdef DEPENDS
int dependency(void);
#endif

#ifdef INTERFACE_FAILS
CK_RV C_GetInterface(void *name, void *version, void **interface, unsigned long flags) {
    return 5; /* CKR_GENERAL_ERROR */
}
#endif

/* The places of functions in CK_FUNCTION_LIST, whose first word is the version. */
enum { C_INITIALIZE = 1, C_SIGN = 44, WORDS = 69 };

static void *wrapped[WORDS];
static int initialized[2];

#define LIST(N)                                                                                    \
    static CK_RV initialize_##N(void *arguments) {                                                 \
        initialized[N] = 1;                                                                        \
        return ((initialize)wrapped[C_INITIALIZE])(arguments);                                     \
    }                                                                                              \
    static CK_RV sign_##N(unsigned long session, void *data, unsigned long len, void *signature,   \
                          unsigned long *signature_len) {                                          \
        if (!initialized[N]) return 0x190; /* CKR_CRYPTOKI_NOT_INITIALIZED */                      \
        return ((sign)wrapped[C_SIGN])(session, data, len, signature, signature_len);              \
    }
LIST(0)
LIST(1)

CK_RV C_GetFunctionList(void **list) {
    static void *lists[2][WORDS];
    static int count = 0;
    void *theirs;
    void *module = dlopen(WRAPPED, RTLD_NOW | RTLD_LOCAL);
    if (!module) return 5;
    CK_RV rv = ((get_function_list)dlsym(module, "C_GetFunctionList"))(&theirs);
    if (rv) return rv;
#ifdef DEPENDS
    rv = dependency();
#endif
    memcpy(wrapped, theirs, sizeof wrapped);
#ifdef NEW_LIST
    int number = count++ % 2;
    memcpy(lists[number], theirs, sizeof wrapped);
    lists[number][C_INITIALIZE] = number ? (void *)initialize_1 : (void *)initialize_0;
    lists[number][C_SIGN] = number ? (void *)sign_1 : (void *)sign_0;
    *list = lists[number];
#else
    *list = theirs;
#endif
    return rv;
}
