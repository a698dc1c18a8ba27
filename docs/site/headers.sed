# Headers as doxygen reads them: the inline namespaces that carry version and instruction set are no part of a name that
# a user writes, and a comment before a nested namespace is about the inner one.
s/ inline namespace CPPO_[A-Z_]* \{//g
s/^namespace cppo \{ namespace ([a-z]*) \{/namespace cppo::\1 {/
s,^\}*(\}  // namespace cppo),\1,
