ALTER TABLE bulletin ADD COLUMN status text NOT NULL DEFAULT 'new';
CREATE INDEX bulletin_status ON bulletin (status);
