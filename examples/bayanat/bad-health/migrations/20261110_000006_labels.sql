UPDATE bulletin SET title = title || ' (labelled)';
ALTER TABLE bulletin ADD COLUMN label text;
