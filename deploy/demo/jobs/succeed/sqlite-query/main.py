# SPDX-License-Identifier: MIT
import sqlite3

db = sqlite3.connect(":memory:")
db.executescript("""
    create table author (id integer primary key, name text);
    create table book (author integer references author, pages integer);
    insert into author values (1, 'Brook'), (2, 'Stone'), (3, 'Reed');
    insert into book values (1, 210), (1, 340), (2, 120), (1, 95), (2, 480);
""")
rows = db.execute("""
    select name, count(pages), coalesce(avg(pages), 0)
    from author left join book on book.author = author.id
    group by author.id order by 2 desc
""")
for name, books, pages in rows:
    print(f"{name}: {books} books, {pages:.0f} pages on average")
