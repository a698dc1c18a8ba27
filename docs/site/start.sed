# The start page's headings are not sections, or the menu would mix them with the other pages.
s!^## (.*)$!<h2>\1</h2>!
