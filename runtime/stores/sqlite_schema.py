"""The tables of the embedded feature store."""

#: ``loaded`` holds the records of each version, ``live`` the features that were set since. ``users`` holds
#: the records that releases from before versions read, with the features set since.
#: ``event_counts``: an upper bound of a user's events, exact after they are cut.
SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS users (user_id TEXT PRIMARY KEY, features TEXT NOT NULL, interactions
TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS loaded (version INTEGER, user_id TEXT, features TEXT NOT NULL,
interactions TEXT NOT NULL, earlier INTEGER NOT NULL, seen BLOB NOT NULL, had BLOB, PRIMARY
KEY (version, user_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS live (user_id TEXT, name TEXT, value TEXT NOT NULL, PRIMARY KEY
(user_id, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (user_id TEXT, event_id TEXT, item_id TEXT NOT NULL, event TEXT
NOT NULL, time REAL NOT NULL, PRIMARY KEY (user_id, event_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event_counts (user_id TEXT PRIMARY KEY, events INTEGER NOT NULL)
WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS switched_off (item_id TEXT PRIMARY KEY) WITHOUT ROWID;
COMMIT;
"""
