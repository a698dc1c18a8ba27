// Headers of platforms that define macros with everyday names, as far as they are there.
#pragma once

#if __has_include(<windows.h>)
#include <windows.h>
#endif
#if __has_include(<rpc.h>) && defined(_WIN32)
#include <rpc.h>
#endif
#if __has_include(<complex.h>)
#include <complex.h>
#endif
#if __has_include(<termios.h>)
#include <termios.h>
#endif
#if __has_include(<sys/param.h>)
#include <sys/param.h>
#endif
#if __has_include(<sys/sysmacros.h>)
#include <sys/sysmacros.h>
#endif
#if __has_include(<curses.h>)
#include <curses.h>
#endif
#if __has_include(<X11/Xlib.h>)
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#endif
