// Macros that other people's headers define, under the names they have there; all of them mean nothing that compiles.
#pragma once

// windows.h and what it includes (rpcndr.h, minwindef.h, winerror.h, winnt.h)
#define near )near means nothing here
#define far )far means nothing here
#define small )small means nothing here
#define hyper )hyper means nothing here
#define huge )huge means nothing here
#define interface )interface means nothing here
#define pascal )pascal means nothing here
#define cdecl )cdecl means nothing here
#define IN )IN means nothing here
#define OUT )OUT means nothing here
#define OPTIONAL )OPTIONAL means nothing here
#define CONST )CONST means nothing here
#define VOID )VOID means nothing here
#define TRUE )TRUE means nothing here
#define FALSE )FALSE means nothing here
#define STRICT )STRICT means nothing here
#define ERROR )ERROR means nothing here
#define NO_ERROR )NO_ERROR means nothing here
#define DELETE )DELETE means nothing here
#define IGNORE )IGNORE means nothing here
#define INFINITE )INFINITE means nothing here
#define CALLBACK )CALLBACK means nothing here
#define DIFFERENCE )DIFFERENCE means nothing here
#define ABSOLUTE )ABSOLUTE means nothing here
#define RELATIVE )RELATIVE means nothing here
#define TRANSPARENT )TRANSPARENT means nothing here
#define OPAQUE )OPAQUE means nothing here
#define THIS )THIS means nothing here
#define PURE )PURE means nothing here
#define DEBUG )DEBUG means nothing here

// old SAL and IDL annotations
#define in )in means nothing here
#define out )out means nothing here
#define inout )inout means nothing here

// Qt without QT_NO_KEYWORDS
#define slots )slots means nothing here
#define signals )signals means nothing here
#define emit )emit means nothing here
#define forever )forever means nothing here

// X11/X.h, Xlib.h
#define None )None means nothing here
#define Bool )Bool means nothing here
#define Status )Status means nothing here
#define Success )Success means nothing here
#define Always )Always means nothing here
#define True )True means nothing here
#define False )False means nothing here
#define Complex )Complex means nothing here
#define Convex )Convex means nothing here
#define Above )Above means nothing here
#define Below )Below means nothing here
#define Bad )Bad means nothing here
#define CurrentTime )CurrentTime means nothing here

// glibc: complex.h, termios.h, math.h
#define I )I means nothing here
#define B0 )B0 means nothing here
#define B50 )B50 means nothing here
#define ECHO )ECHO means nothing here
#define DOMAIN )DOMAIN means nothing here
#define OVERFLOW )OVERFLOW means nothing here
#define UNDERFLOW )UNDERFLOW means nothing here
#undef unix
#undef linux
#define unix )unix means nothing here
#define linux )linux means nothing here

// legacy string.h
#define index )index means nothing here

// Arduino.h, binary.h
#define PI )PI means nothing here
#define HALF_PI )HALF_PI means nothing here
#define HIGH )HIGH means nothing here
#define LOW )LOW means nothing here
#define INPUT )INPUT means nothing here
#define OUTPUT )OUTPUT means nothing here
#define DEFAULT )DEFAULT means nothing here
#define B1 )B1 means nothing here
#define B11111111 )B11111111 means nothing here

// kernels and compilers
#define packed )packed means nothing here
#define unused )unused means nothing here
#define pure )pure means nothing here
#define fallthrough )fallthrough means nothing here

// Objective-C and Carbon
#define nil )nil means nothing here
#define YES )YES means nothing here
#define NO )NO means nothing here

// windows.h without NOMINMAX
#define min(a, b) )min means nothing here
#define max(a, b) )max means nothing here
#define TEXT(x) )TEXT means nothing here

// Qt
#define foreach(x, y) )foreach means nothing here

// Apple's AssertMacros.h, Unreal
#define check(x) )check means nothing here
#define verify(x) )verify means nothing here
#define require(x, y) )require means nothing here
#define ensure(x) )ensure means nothing here

// assert.h, Torch, glog, Catch, doctest
#undef assert  // of a header that was read before
#define assert(x) )assert means nothing here
#define CHECK(x) )CHECK means nothing here
#define DCHECK(x) )DCHECK means nothing here
#define REQUIRE(x) )REQUIRE means nothing here
#define INFO(x) )INFO means nothing here
#define LOG(x) )LOG means nothing here

// Arduino.h
#define abs(x) )abs means nothing here
#define round(x) )round means nothing here
#define bit(b) )bit means nothing here
#define sq(x) )sq means nothing here
#define constrain(x, a, b) )constrain means nothing here
#define radians(d) )radians means nothing here
#define F(s) )F means nothing here
#define word(x) )word means nothing here
#define bits(x) )bits means nothing here

// sys/sysmacros.h, sys/param.h
#define major(d) )major means nothing here
#define minor(d) )minor means nothing here
#define MIN(a, b) )MIN means nothing here
#define MAX(a, b) )MAX means nothing here

// kernels
#define likely(x) )likely means nothing here
#define unlikely(x) )unlikely means nothing here

// GNU tools
#define expect(x, y) )expect means nothing here
#define quad(x) )quad means nothing here
#define domain(x) )domain means nothing here

// sizes of a C program: #define T 64
#define A )A means nothing here
#define B )B means nothing here
#define C )C means nothing here
#define D )D means nothing here
#define E )E means nothing here
#define G )G means nothing here
#define H )H means nothing here
#define J )J means nothing here
#define K )K means nothing here
#define L )L means nothing here
#define M )M means nothing here
#define N )N means nothing here
#define O )O means nothing here
#define P )P means nothing here
#define Q )Q means nothing here
#define R )R means nothing here
#define S )S means nothing here
#define T )T means nothing here
#define U )U means nothing here
#define V )V means nothing here
#define W )W means nothing here
#define X )X means nothing here
#define Y )Y means nothing here
#define Z )Z means nothing here
