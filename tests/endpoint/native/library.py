"""The parts of what runs within Envoy that need no Envoy, called from Python."""

import ctypes
import os

from skyserve.endpoint.native import library


def _loaded() -> ctypes.CDLL:
    """Envoy's own functions are missing here, and looked for when they are called, which none of these does. ctypes
    would look at once."""
    own = ctypes.CDLL(None)
    own.dlopen.restype = ctypes.c_void_p
    own.dlopen.argtypes = (ctypes.c_char_p, ctypes.c_int)
    handle = own.dlopen(os.fsencode(library()), os.RTLD_LAZY | os.RTLD_LOCAL)
    assert handle, "the library cannot be loaded"
    return ctypes.CDLL(str(library()), handle=handle)


LIBRARY = _loaded()


class Tokens(ctypes.Structure):
    """tokens.h"""

    _fields_ = (
        ("events", ctypes.c_bool),
        ("told", ctypes.c_bool * 3),
        ("number", ctypes.c_uint64 * 3),
        ("counted", ctypes.c_uint64),
        ("digits", ctypes.c_uint64),
        ("named", ctypes.c_int),
        ("stage", ctypes.c_ubyte),
        ("in_line", ctypes.c_ubyte),
        ("length", ctypes.c_ubyte),
        ("name", ctypes.c_char * 13),
    )


class Taking(ctypes.Structure):
    """bucket.h"""

    _fields_ = (
        ("taken", ctypes.c_bool),
        ("left", ctypes.c_uint32),
        ("wait", ctypes.c_uint32),
        ("full", ctypes.c_uint32),
    )


class Rule(ctypes.Structure):
    """rules.h"""

    _fields_ = (
        ("digest", ctypes.c_ubyte * 32),
        ("id", ctypes.c_uint64),
        ("priority", ctypes.c_char * 16),
        ("expires", ctypes.c_int64),
        ("spent", ctypes.c_int64),
        ("requests", ctypes.c_void_p),
    )


class Text(ctypes.Structure):
    """envoy.h"""

    _fields_ = (("data", ctypes.c_char_p), ("length", ctypes.c_size_t))


LIBRARY.tokens_of.restype = Tokens
LIBRARY.tokens_of.argtypes = (ctypes.c_bool,)
LIBRARY.tokens_read.argtypes = (ctypes.POINTER(Tokens), ctypes.c_char_p, ctypes.c_size_t)
LIBRARY.tokens_so_far.restype = ctypes.c_uint64
LIBRARY.tokens_so_far.argtypes = (ctypes.POINTER(Tokens),)
LIBRARY.bucket_of.restype = ctypes.c_void_p
LIBRARY.bucket_of.argtypes = (ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint32)
LIBRARY.bucket_take.restype = Taking
LIBRARY.bucket_take.argtypes = (ctypes.c_void_p, ctypes.c_int64)
LIBRARY.prompt_begin.restype = ctypes.c_size_t
LIBRARY.prompt_begin.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)
LIBRARY.prefix_hash.restype = ctypes.c_uint64
LIBRARY.prefix_hash.argtypes = (ctypes.c_char_p, ctypes.c_size_t)
LIBRARY.sha256_short.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p)
LIBRARY.rules_read.restype = ctypes.c_void_p
LIBRARY.rules_read.argtypes = (ctypes.c_char_p, ctypes.c_size_t)
LIBRARY.rules_free.argtypes = (ctypes.c_void_p,)
LIBRARY.rules_find.restype = ctypes.POINTER(Rule)
LIBRARY.rules_find.argtypes = (ctypes.c_void_p, ctypes.c_char_p)


class Line(ctypes.Structure):
    """line.h"""

    _fields_ = (("data", ctypes.c_void_p), ("length", ctypes.c_size_t), ("room", ctypes.c_size_t))


class Memory(ctypes.Structure):
    """tally.h"""

    _fields_ = (("replicas", ctypes.c_uint16 * 64), ("keys", ctypes.c_uint16 * 64))


class Usage(ctypes.Structure):
    """tally.h"""

    _fields_ = (("requests", ctypes.c_uint64), ("refused", ctypes.c_uint64), ("tokens", ctypes.c_uint64))


Tell = ctypes.CFUNCTYPE(None, ctypes.c_char_p)
"""journal.h"""

for function in (LIBRARY.line_begin, LIBRARY.line_end):
    function.argtypes = (ctypes.POINTER(Line),)
LIBRARY.line_text.argtypes = (ctypes.POINTER(Line), ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t)
LIBRARY.line_number.argtypes = (ctypes.POINTER(Line), ctypes.c_char_p, ctypes.c_uint64)
LIBRARY.line_null.argtypes = (ctypes.POINTER(Line), ctypes.c_char_p)
LIBRARY.journal_open.restype = ctypes.c_void_p
LIBRARY.journal_open.argtypes = (ctypes.c_char_p, Tell)
LIBRARY.journal_append.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
LIBRARY.journal_flush.argtypes = (ctypes.c_void_p,)
LIBRARY.journal_close.argtypes = (ctypes.c_void_p,)
LIBRARY.tally_new.restype = ctypes.c_void_p
LIBRARY.tally_new.argtypes = (ctypes.POINTER(ctypes.c_uint64),)
LIBRARY.tally_free.argtypes = (ctypes.c_void_p,)
LIBRARY.ledger_open.restype = ctypes.c_void_p
LIBRARY.ledger_open.argtypes = (ctypes.c_char_p, Tell)
LIBRARY.ledger_add.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
LIBRARY.ledger_close.argtypes = (ctypes.c_void_p,)
LIBRARY.replica_name.restype = ctypes.c_uint64
LIBRARY.replica_name.argtypes = (ctypes.c_uint32, ctypes.c_uint32)
LIBRARY.tally_of_replica.restype = ctypes.c_void_p
LIBRARY.tally_of_replica.argtypes = (ctypes.c_void_p, ctypes.POINTER(Memory), ctypes.c_uint64, ctypes.c_uint64)
LIBRARY.tally_of_key.restype = ctypes.POINTER(Usage)
LIBRARY.tally_of_key.argtypes = (ctypes.c_void_p, ctypes.POINTER(Memory), ctypes.c_uint64, ctypes.c_uint64)
LIBRARY.tally_add.argtypes = (ctypes.POINTER(ctypes.c_uint64), ctypes.c_uint64)
LIBRARY.tally_answer.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32)
LIBRARY.tally_time.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64)
