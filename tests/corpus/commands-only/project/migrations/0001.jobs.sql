create table jobs (name text primary key);
