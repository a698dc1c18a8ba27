# What doxygen 1.9.4 needs of a page that is written for any reader of Markdown; the Doxyfile runs it on each.
# A link to a place on a page becomes one to the page.
s!(\]\([^):]*\.md)#[^)]*\)!\1)!g
# A file that is no page lies three folders up from build/docs/html. As HTML: a link to *.md is taken for one to a page.
s!\[([^]]*)\]\((\.\./)?((include|examples|tests|benchmarks|LICENSE|NOTICE)[^)]*)\)!<a href="../../../\3">\1</a>!g
# In a table, code with `a \| b` shows its backslash and code with an apostrophe ends there, unless both are HTML.
/^\|/{
  s!`([^`]*)`!\x01\1\x02!g
  s!\x01([^\x01\x02<>&]*('|\\\|)[^\x01\x02<>&]*)\x02!<tt>\1</tt>!g
  y!\x01\x02!``!
}
