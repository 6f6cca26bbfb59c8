# SPDX-License-Identifier: Apache-2.0
"""TOML by hand, rule by rule of the specification 1.0.0: texts that are valid, and texts that are not."""

VALID = [
    # comments, white space, newlines
    "", "\n", "\r\n", " \t ", "# only a comment", "# tab\tin a comment\n", "a = 1", "a = 1 # end", "a=1\r\nb=2\r\n",
    "  a  =  1  ", "\ta\t=\t1\t\n", "# \u00e9\u20ac\U0001f600\na = 1",
    # keys
    "key = 1", "bare_key = 1", "bare-key = 1", "1234 = 1", "-1 = 1", "_ = 1", '"127.0.0.1" = 1', "'quoted \"v\"' = 1",
    '"" = "blank"', "'' = 1", '"\\u00e9" = 1', "3.14159 = 'pi'", 'site."google.com" = true', "a . b . c = 1",
    "a.b = 1\na.c = 2", "apple.type = 1\norange.type = 2\napple.skin = 3\norange.skin = 4", "true = 1\nfalse = 2",
    "inf = 1\nnan = 2", "1979-05-27 = 1", '"a"."b" = 1\na.c = 2', "fruit . flavor = 1", "a.'b'.\"c\" = 1",
    # basic strings
    's = ""', 's = "tab\there"', r's = "\b\t\n\f\r\"\\"', r's = "\u00e9 \U0001F600"', 's = "# no comment"',
    r's = "\\"', r's = "\\\\n"', 's = "\u007e\u0080\u009f"',
    # multi-line basic strings
    's = """"""', 's = """\nfirst\nsecond"""', 's = """\r\nfirst\r\nsecond"""', 's = """a \\\n   b"""', 's = """\\\n"""',
    's = """\\  \n\n\n  x"""', 's = """""two quotes"""""', 's = """one " two "" end"""', 's = """"quoted\\""""',
    's = """a\\\r\n  b"""', 's = """\\"""\\""""', 's = """\n\n"""', 's = """ \\u00e9 """',
    # literal strings
    "s = ''", r"s = 'C:\Users\n'", "s = '\"q\"'", "s = ''''''", "s = '''\nx'''", "s = '''I [dw]on't \\need'''",
    "s = ''''two''''", "s = '''''x'''''", "s = '''a\nb\r\nc'''", "s = 'tab\tin'",
    # integers
    "i = +99", "i = 0", "i = +0", "i = -0", "i = -17", "i = 1_000", "i = 1_2_3_4_5", "i = 0xDEADBEEF", "i = 0xdead_beef",
    "i = 0o01234567", "i = 0b1101_0110", "i = 0x00", "i = 9223372036854775807", "i = -9223372036854775808",
    # floats
    "f = +1.0", "f = 3.1415", "f = -0.01", "f = 5e+22", "f = 1e06", "f = -2E-2", "f = 6.626e-34", "f = 224_617.445_991",
    "f = 0.0", "f = -0.0", "f = 0e0", "f = 1e1_0", "f = inf", "f = +inf", "f = -inf", "f = nan", "f = +nan", "f = -nan",
    # booleans, dates and times
    "b = true\nc = false", "d = 1979-05-27T07:32:00Z", "d = 1979-05-27T00:32:00-07:00",
    "d = 1979-05-27T00:32:00.999999-07:00", "d = 1979-05-27 07:32:00Z", "d = 1979-05-27t07:32:00z",
    "d = 1979-05-27T07:32:00", "d = 1979-05-27 07:32:00.5", "d = 1979-05-27", "d = 07:32:00", "d = 00:32:00.999999",
    "d = 2000-02-29", "d = 2024-02-29 # leap", "d = [1979-05-27, 07:32:00]", "d = 1979-05-27 # 07:32",
    "d = 1979-05-27T07:32:00+23:59", "d = 1979-05-27 \n",
    # arrays
    "a = []", "a = [1]", "a = [1,]", "a = [ 1 , 2 ]", 'a = [1, "two", 3.0, [4], {five = 5}]', "a = [\n1,\n2,\n]",
    "a = [ # c\n 1 # d\n , # e\n 2\n # f\n ]", "a = [[], [[]]]", "a = [\r\n]", "a = [[1,2],['a']]", "a = [{}, {x = 1}]",
    # tables
    "[t]", "[t]\na = 1\n[u]\na = 2", "[ j . \"\u029e\" . 'l' ]", "[ a.b.c ]", "[x.y.z.w]\n[x]\na = 1", "[a.b]\n[a]\nc = 1",
    "[t] # c", " [t] ", "[t]\n[t.u]\n[t.v]", "[a]\nb.c = 1\n[a.d]", "[fruit]\napple.color = 1\n[fruit.apple.texture]\ns = 1",
    "a.b.c = 1\n[a.d]\ne = 2", "[a.b]\nc = 1\n[a]\nb2.d = 1", "[fruit.apple]\n[animal]\n[fruit.orange]", "['']\na = 1",
    # inline tables
    "t = {}", "t = { }", "t = {a = 1}", "t = { a.b = 1, a.c = 2 }", "t = {a = {b = {}}}", "t = {a = [\n1,\n2\n]}",
    't = {"a b" = 1, \'c\' = 2}', "t = {a = \"\"\"\nx\n\"\"\"}", "t.u = {v = 1}\nt.w = 2",
    # arrays of tables
    "[[p]]\nn = 1\n[[p]]\n[[p]]\nn = 2", "[[f]]\n[f.p]\nx = 1\n[[f.v]]\nn = 1\n[[f.v]]\nn = 2\n[[f]]\n[f.p]\n[[f.v]]",
    "[[ a . b ]]", "[[a.b]]\n[a]\nc = 1", "[a]\n[[a.b]]\n[[a.b]]\n[a.b.c]", "[[a]]\n[[a.b]]\nx.y = 1\n[[a]]\n[[a.b]]\nx.y = 1",
    "a.b = 1\n[[a.c]]", "[[a]]\nb.c = 1\n[a.b.d]",
]

INVALID = [
    # keys and lines
    "a", "a =", "= 1", "a = 1 b = 2", "a = 1 2", "a b = 1", "a.b. = 1", ".a = 1", "a..b = 1", "a\n= 1", "a =\n1",
    '"""a""" = 1', "'''a''' = 1", "\u00e9 = 1", "a+b = 1", "a = b", "first = \"Tom\" last = \"P\"", "a = 1\ra = 2", "\r",
    "# \x01", "# \x7f", "# \r", "a = 1 # \x00", "\"a\nb\" = 1", "a = ,", "a : 1", "!a = 1", "[a]\n.b = 1", "\ufeffa = 1",
    # doubly defined
    "a = 1\na = 2", "a = 1\n\"a\" = 2", "a = 1\n'a' = 2", "a.b = 1\na.b = 2", "a = 1\na.b = 2", "a.b = 1\na = 2",
    "a.b.c = 1\na.b = 2", "a = 1\n[a]", "[a]\n[a]", "[a]\nb = 1\n[a.b]", "[a.b]\n[a]\nb = 1", "a.b = 1\n[a]",
    "[fruit]\napple.color = 1\n[fruit.apple]", "[fruit]\napple.taste.sweet = true\n[fruit.apple.taste]",
    "[a.b.c]\nz = 9\n[a]\nb.c.t = 1", "[a.b.c.d]\nz = 9\n[a]\nb.c.d.k.t = 1", "[a.b]\n[a]\nb.c = 1",
    "[a]\n[b]\n[a]", "[a]\n[b]\n[ 'a' ]",
    # strings
    's = "', "s = '", 's = "a\nb"', "s = 'a\nb'", 's = "\\x41"', 's = "\\e"', 's = "\\ "', 's = "\\u12"', 's = "\\u12G4"',
    's = "\\uD800"', 's = "\\U00110000"', 's = "\\U1234567"', 's = "\x01"', 's = "\x7f"', "s = '\x1f'", 's = """\x0b"""',
    's = """', "s = '''", 's = """a""', 's = """a\\ b"""', 's = """a""""""', "s = '''a''''''", 's = "\\', 's = """\\"""',
    's = "a\rb"', 's = """a\rb"""', "s = '''a\rb'''", 's = "\\u0000"', "s = \"a'", "s = '''''''''", 's = "\\U80000000"',
    # integers
    "i = 01", "i = -01", "i = +01", "i = 1__0", "i = _1", "i = 1_", "i = 0x", "i = 0xg", "i = 0X1", "i = +0x1", "i = -0b1",
    "i = 0o8", "i = 0b2", "i = 0x_1", "i = 0x1_", "i = ++1", "i = +", "i = -", "i = 1a", "i = 9223372036854775808",
    "i = -9223372036854775809", "i = 0x8000000000000000", "i = 00", "i = +-1", "i = 0_0", "i = 0x-1", "i = \u0661",
    # floats
    "f = .7", "f = 7.", "f = 3.e+20", "f = 1._0", "f = 1_.0", "f = 1.0_", "f = 1e", "f = 1e+", "f = 1e_1", "f = 01.0",
    "f = 1.2.3", "f = Inf", "f = NaN", "f = infinity", "f = -.5", "f = 1e1.0", "f = +nan1", "f = 0x1.0", "f = 1e1e1", "f = ++inf",
    # booleans
    "b = True", "b = TRUE", "b = tru", "b = truer", "b = yes", "b = 1true",
    # dates
    "d = 1979-13-01", "d = 1979-00-01", "d = 1979-01-32", "d = 1979-01-00", "d = 2023-02-29", "d = 1900-02-29",
    "d = 1979-5-27", "d = 79-05-27", "d = 1979-05-27T", "d = 1979-05-27T7:32:00", "d = 1979-05-27T24:00:00",
    "d = 1979-05-27T00:60:00", "d = 1979-05-27T00:00:61", "d = 1979-05-27T00:00", "d = 25:00:00", "d = 07:32",
    "d = 07:32:00Z", "d = 07:32:00.", "d = 1979-05-27T07:32:00+25:00", "d = 1979-05-27T07:32:00+0700",
    "d = 1979-05-27  07:32:00", "d = 1979-05-27Z", "d = 1979-05-27T07:32:00.Z", "d = 1979-05-27 07", "d = 11979-05-27",
    "d = 1979-05-27T07:32:00+07:60", "d = 1979-05-27x07:32:00", "d = 1979-05-27T07:32:00 Z", "d = 1979-04-31",
    # arrays
    "a = [", "a = [1", "a = [1 2]", "a = [,]", "a = [1,,2]", "a = ]", "a = [1]]", "a = [\n#]", "a = [1, 2", "a = [a]", "a = [1;2]",
    # tables
    "[]", "[a", "[a]]", "[a.]", "[.a]", "[a..b]", "[a] b = 1", "[a\n]", "[a=1]", "[\"a]", "[\n]", "[a.b]x", "[ ]", "[a#b]",
    "[[]]", "[[a]", "[[a] ]", "[ [a]]", "[a]\n[[a]]", "[[a]]\n[a]", "a = []\n[[a]]", "a = [{}]\n[a.b]", "[[a.b]]\n[a.b]",
    "[[a.b]]\n[a]\nb.c = 1", "[[a]]\n[[a.b]]\n[a.b]", "a = 1\n[[a]]", "a.b = 1\n[[a]]", "[a.b]\n[[a]]", "[[a]]\na = 1\n[a.a]",
    # inline tables
    "t = {", "t = {a}", "t = {a = 1,}", "t = {,}", "t = {a = 1 b = 2}", "t = {\n}", "t = {a = 1,\nb = 2}", "t = {a = 1, a = 2}",
    "t = {a = 1}\nt.b = 2", "t = {a = 1}\n[t.b]", "t = {a = 1}\n[t]", "t = {a = {}, a.b = 1}", "t = {a.b = 1, a = 2}",
    "t = {a = 1 # c\n}", "t.a = 1\nt = {}", "t = {b = {}}\nt.b.c = 1", "t = {a = 1}}", "t = {b.c = 1, b.c.d = 2}",
    "[t]\na = {}\n[t.a.b]", "t = {a.b = 1}\n[t.a]", "t = {b.c = 1}\nt.b.d = 1",
]

# What tomllib takes and we refuse: integers beyond 64 bits (the specification leaves it open), and NUL.
STRICTER = {"i = 9223372036854775808", "i = -9223372036854775809", "i = 0x8000000000000000", 's = "\\u0000"'}
