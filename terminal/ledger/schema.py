"""The tables of ledger.db, version 1. Plain SQL, readable with any SQLite tool.

item: everything kept and owed (records with seq, photos without). delivery: where each item
stands at each target; adding a target changes no item. A change here takes a new version, but
for tables in ADDED: an older program does not know them and does not need them.
"""

from __future__ import annotations

SCHEMA_VERSION = 1

SCHEMA: tuple[str, ...] = (
    "create table meta(name text primary key, value blob not null) without rowid",
    """create table item(
        item integer primary key,
        class text not null,
        rank integer not null,
        item_id text not null unique,
        seq integer unique,
        sha256 blob not null,
        body blob not null,
        path text not null,
        wall_ns integer not null)""",
    """create table visit(
        boot_id blob not null,
        visit_id integer not null,
        draft_sha256 blob not null,
        seq integer not null references item(seq),
        primary key (boot_id, visit_id)) without rowid""",
    "create table target(name text primary key) without rowid",
    """create table delivery(
        target text not null references target(name),
        item integer not null references item(item),
        rank integer not null,
        state integer not null default 0,
        attempts integer not null default 0,
        next_try_ns integer not null default 0,
        code text not null default '',
        why text not null default '',
        receipt blob not null default x'',
        primary key (target, item)) without rowid""",
    "create index delivery_open on delivery(target, state, rank, item) where state <> 1",
    """create table journal(
        no integer primary key,
        kind text not null,
        at_ns integer not null,
        wall_ns integer not null,
        boot_id blob not null,
        detail text not null)""",
    """create table calibration(
        no integer primary key,
        calibration_id text not null,
        wall_ns integer not null,
        seq integer not null)""",
    """create table vehicle(
        plate text primary key,
        vehicle_type text,
        drive_axles integer,
        air_suspension integer,
        tyres_missing integer,
        licence_gross_kg integer,
        axle_pattern text) without rowid""",
)

ADDED: tuple[str, ...] = (
    """create table if not exists pair(
        plate text primary key,
        rear_plate text not null,
        seq integer not null,
        wall_ns integer not null) without rowid""",
    """create table if not exists follow_up(
        about_seq integer primary key,
        seq integer not null) without rowid""",
    """create table if not exists samples(
        seq integer primary key,
        sha256 blob not null,
        size_bytes integer not null,
        wall_ns integer not null) without rowid""",
)
"""samples: which record has a file of raw samples on site; wall_ns 0 while the clock was not set.
pair: with which trailer plate each plate was last recorded. follow_up: which event record
carries what came after a visit's own record."""
