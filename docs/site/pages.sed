# What doxygen 1.9.4 needs of a page that is written for any reader of Markdown; the Doxyfile runs it on each.
# A link to a place on a page becomes one to the page.
s!(\]\([^):]*\.md)#[^)]*\)!\1)!g
# A file that is no page lies three folders up from build/docs/html; as HTML, because a link to *.md is taken for a page.
s!\[([^]]*)\]\((\.\./)?((examples|tests|benchmarks|LICENSE|NOTICE)[^)]*)\)!<a href="../../../\3">\1</a>!g
# `a \| b` in a table shows its backslash unless it is HTML.
/^\|/s!`([^`]*)\\\|([^`]*)`!<tt>\1\\|\2</tt>!g
