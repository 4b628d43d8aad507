"""Bybit's documented errors and what they prove about an order.

Bybit refuses with HTTP 200 and a `retCode`. A code that is not named here proves nothing about an order: it may be in
the book. So does one that the venue documents as a timeout or a fault of its own, and one that says that the order's
id was seen before, which is evidence that an earlier request landed.
"""

from __future__ import annotations

from bot.venues.translate.verdicts import ErrorTable, Verdict, by_code

_AMBIGUOUS = (
    # Timeouts and faults of the venue's own: it does not know either.
    *(10_000, 10_016, 170_001, 170_007, 170_032, 170_035, 170_146, 170_147, 170_149, 170_234, 3_400_214),
    # Another request of the same name was seen, or the order is being worked on.
    *(10_014, 110_072, 110_079, 170_141, 20_006, 40_004),
)
_RETRYABLE = (
    # Refused before it was looked at: too many, too late, or nobody there to take it.
    *(-1, 429, 10_002, 10_006, 10_018, 10_019, 10_429, 20_003, 170_005, 170_222),
)
_FATAL = (
    # Key, signature, rights, address.
    *(-2_015, 10_003, 10_004, 10_005, 10_007, 10_010, 33_004),
    # The account or the place may not trade at all.
    *(10_008, 10_009, 10_024, 10_027, 10_028),
)
_REJECTED = (
    # Parameters: the request never became an order.
    *(10_001, 10_017, 10_029, 10_404, 100_028, 110_018, 110_019, 110_032, 110_049, 110_050),
    *(170_105, 170_115, 170_116, 170_117, 170_121, 170_130, 170_134, 170_137, 170_148, 170_221, 170_227),
    # Prices, sizes and filters.
    *(110_003, 110_017, 110_094, 110_108, 110_109, 110_118, 110_120, 110_121, 30_208, 30_209),
    *(170_124, 170_132, 170_133, 170_136, 170_140, 170_192, 170_193, 170_194, 170_195, 170_196, 170_197, 170_198),
    *(170_218, 170_228, 170_229, 170_341, 170_371, 170_372, 170_381, 170_382),
    # Money, margin and limits of the account.
    *(110_004, 110_005, 110_006, 110_007, 110_012, 110_014, 110_044, 110_045, 110_051, 110_052, 110_053, 110_131),
    *(110_011, 110_013, 110_020, 110_021, 110_022, 110_039, 110_040, 110_046, 110_085, 110_086, 110_089, 110_090),
    *(30_256, 170_033, 170_034, 170_131, 170_207, 170_226, 170_810, 170_346, 3_400_139, 3_200_403),
    # Modes, and what may be done with a contract now.
    *(110_001, 110_008, 110_010, 110_023, 110_025, 110_026, 110_029, 110_034, 110_042, 110_063, 110_068, 110_070),
    *(110_066, 110_074, 110_080, 110_095, 110_098, 110_103, 110_123, 110_124, 110_125, 110_132, 30_228),
    *(170_031, 170_036, 170_037, 170_139, 170_142, 170_143, 170_144, 170_145, 170_151, 170_157, 170_159, 170_209),
    *(170_210, 170_213, 170_217, 170_219, 170_220, 170_224, 170_241, 170_344, 170_348, 170_359, 170_360),
)

BYBIT_TABLE = ErrorTable(
    unavailable={},
    unavailable_codes={},
    statuses={
        400: Verdict.REJECTED,
        401: Verdict.FATAL,
        403: Verdict.FATAL,  # too many requests from this address: ten minutes of silence, or a place not served
        404: Verdict.REJECTED,
        408: Verdict.AMBIGUOUS,
        429: Verdict.RETRYABLE,
    },
    messages={},
    codes=by_code(
        (Verdict.REJECTED, _REJECTED),
        (Verdict.RETRYABLE, _RETRYABLE),
        (Verdict.FATAL, _FATAL),
        (Verdict.AMBIGUOUS, _AMBIGUOUS),
    ),
    in_body=True,
)
