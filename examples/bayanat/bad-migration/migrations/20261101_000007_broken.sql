ALTER TABLE bulletin
    ADD COLUMN origin text REFERENCES nowhere (id);
