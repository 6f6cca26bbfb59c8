UPDATE entry SET word = split_part(text, ' / ', 2), text = split_part(text, ' / ', 1);
INSERT INTO shape VALUES (2);
