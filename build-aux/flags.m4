# SOFA_CHECK_CFLAGS(VARIABLE, FLAGS): adds each flag the compiler takes.
m4_define([SOFA_CHECK_CFLAGS], [
for sofa_flag in $2; do
  sofa_saved=$CFLAGS
  CFLAGS="$CFLAGS -Werror $sofa_flag"
  AC_MSG_CHECKING([whether $CC takes $sofa_flag])
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])], [$1="$$1 $sofa_flag"; AC_MSG_RESULT([yes])], [AC_MSG_RESULT([no])])
  CFLAGS=$sofa_saved
done])

# SOFA_CHECK_ISA(NAME, FLAGS): defines NAME_CFLAGS, the conditional NAME and SOFA_HAVE_NAME.
m4_define([SOFA_CHECK_ISA], [
sofa_saved=$CFLAGS
CFLAGS="$CFLAGS -Werror $2"
AC_MSG_CHECKING([whether $CC can emit $1])
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <immintrin.h>]], [[__m256i x = _mm256_setzero_si256(); (void)x;]])],
  [sofa_isa_$1=yes], [sofa_isa_$1=no])
AC_MSG_RESULT([$sofa_isa_$1])
CFLAGS=$sofa_saved
AS_IF([test $sofa_isa_$1 = yes], [AC_DEFINE([SOFA_HAVE_$1], [1], [Define if the compiler can emit $1.])])
AC_SUBST([$1_CFLAGS], ["$2"])
AM_CONDITIONAL([$1], [test $sofa_isa_$1 = yes])])

# SOFA_PACKAGE(PREFIX, MODULE, DEBIAN): a required library, with the Debian package in the message.
m4_define([SOFA_PACKAGE], [PKG_CHECK_MODULES([$1], [$2], [],
  [AC_MSG_ERROR([$2 was not found; on Debian: apt-get install $3])])])
