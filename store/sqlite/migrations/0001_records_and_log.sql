-- Records lie in the order of their key, clustered: an update touches one tree,
-- and reading a whole space reads neighbouring pages. Times are nanoseconds since
-- 1970, 0 for none. data comes last, so that a look at expires reads no overflow
-- pages. There is no index on expires: it would be rewritten by each refresh.
CREATE TABLE record (
    space   TEXT    NOT NULL,
    domain  TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    rev     INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    codec   INTEGER NOT NULL,
    owner   TEXT    NOT NULL,
    data    BLOB,
    PRIMARY KEY (space, domain, key)
) STRICT, WITHOUT ROWID;

-- The change log. seq is the row id, which every index ends with, so that each of
-- them is ordered by (column, seq).
CREATE TABLE log (
    seq    INTEGER PRIMARY KEY,
    domain TEXT    NOT NULL,
    time   INTEGER NOT NULL,
    node   TEXT    NOT NULL,
    actor  TEXT    NOT NULL,
    cause  TEXT    NOT NULL,
    kind   TEXT    NOT NULL,
    entity TEXT    NOT NULL,
    before BLOB,
    after  BLOB
) STRICT;
CREATE INDEX log_domain ON log (domain);
CREATE INDEX log_kind   ON log (kind);
CREATE INDEX log_entity ON log (entity);

-- The last revision and the last log sequence given out.
CREATE TABLE counter (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    rev INTEGER NOT NULL,
    seq INTEGER NOT NULL
) STRICT;
INSERT INTO counter (id, rev, seq) VALUES (1, 0, 0);
