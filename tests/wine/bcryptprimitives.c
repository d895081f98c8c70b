// Random numbers for Rust's standard library, which asks a library for them that Wine 8.0 does not
// have. Tests put it into their Wine prefix.

#include <windows.h>

BOOLEAN WINAPI SystemFunction036(PVOID buffer, ULONG len);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T len)
{
    while (len > 0) {
        ULONG part = len < 0x10000 ? (ULONG)len : 0x10000;
        // The caller takes no failure into account.
        if (!SystemFunction036(buffer, part))
            ExitProcess(1);
        buffer += part;
        len -= part;
    }
    return TRUE;
}
