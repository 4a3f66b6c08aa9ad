//! SQLite and PostgreSQL behind one enum, with one SQL text for both.
