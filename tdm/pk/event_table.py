"""Dosing histories and sampling times laid flat as arrays, for one patient or many at once.

A patient's time is cut into pieces at the known times where a parameter changes. Every sample, and the end of every
piece but the last, is a point; a point sees the doses of its own piece as a few series of equal doses (terms), and all
earlier ones through the amounts carried over from the piece before. Units: h and mg. All arrays are one-dimensional.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tdm.pk.superposition import Floats, Ints, Series, newest_apart

# Times closer than this are the same instant: a sample at the time of a dose was drawn before that dose.
SAME_INSTANT_H = 1e-6


@dataclass(frozen=True)
class Runs:
    """Runs of equal doses: shape (runs,) each; the first at `start_h`, then every `every_h`, `count` in all, mg.

    `every_h` is NaN for a single dose without a stated interval.
    """

    patient: Ints
    start_h: Floats
    every_h: Floats
    count: Floats
    dose_mg: Floats

    def where(self, chosen: NDArray[np.bool_] | Ints) -> Runs:
        """Return the runs (h, mg) that a mask of shape (runs,) or an index chooses."""
        return Runs(*(values[chosen] for values in vars(self).values()))


@dataclass(frozen=True)
class Course:
    """Histories laid flat: pieces (P), points (Q, the samples first), terms (T, sorted by point); h and mg.

    `piece_before` is the piece before each piece, or -1; `end_point` the point at a piece's end, or -1 for a last one.
    `term_start` (Q,) indexes the first term of each point; every point has at least one.
    """

    patients: int
    samples: int
    sample_patient: Ints
    piece_patient: Ints
    piece_rank: Ints
    end_point: Ints
    point_piece: Ints
    point_elapsed_h: Floats
    series: Series
    term_dose_mg: Floats
    term_piece: Ints
    term_start: Ints

    @cached_property
    def several_pieces(self) -> bool:
        """Return whether any patient's parameters change (no unit)."""
        return len(self.piece_patient) > self.patients

    @cached_property
    def sampled(self) -> tuple[Ints, Ints]:
        """Return the patients that have samples, and the index of the first sample of each (no unit)."""
        present, start = np.unique(self.sample_patient, return_index=True)
        return present, start

    @property
    def sample_piece(self) -> Ints:
        """Return the piece (an index, no unit) of each sample, shape (samples,)."""
        return self.point_piece[: self.samples]


def merge_equal_doses(runs: Runs) -> Runs:
    """Return the same doses (h, mg) with single doses of equal amount and spacing gathered into runs.

    A history written dose by dose becomes as few runs as one written by runs, alternating amounts included.
    """
    single = np.isnan(runs.every_h)
    if np.count_nonzero(single) < 2:
        return runs
    kept, loose = runs.where(~single), runs.where(single)
    order = np.lexsort((loose.start_h, loose.dose_mg, loose.patient))
    loose = loose.where(order)
    gap = np.diff(loose.start_h)
    alike = (np.diff(loose.patient) == 0) & (np.diff(loose.dose_mg) == 0.0) & (gap > SAME_INSTANT_H)
    same_gap = np.abs(np.diff(gap)) <= SAME_INSTANT_H
    follows = np.concatenate([[False], alike[1:] & alike[:-1] & same_gap])
    leads = np.concatenate([follows[1:], [False]])
    linked = alike & (follows | leads)
    # a dose between two runs of different spacing ends the first: the second starts with the dose after it
    first_link = linked & ~follows
    shared = first_link & np.concatenate([[False], linked[:-1]])
    joined = np.concatenate([[False], linked & ~shared])
    run = np.cumsum(~joined) - 1
    starts = np.flatnonzero(~joined)
    counts = np.bincount(run).astype(float)
    ends = starts + counts.astype(np.intp) - 1
    spacing = (loose.start_h[ends] - loose.start_h[starts]) / np.maximum(counts - 1.0, 1.0)
    # the times of a case are sums and differences of doubles: an interval of 24.000000000000004 h is one of 24 h
    spacing = np.round(spacing, 9)
    merged = loose.where(starts)
    return Runs(
        np.concatenate([kept.patient, merged.patient]),
        np.concatenate([kept.start_h, merged.start_h]),
        np.concatenate([kept.every_h, np.where(counts > 1.0, spacing, np.nan)]),
        np.concatenate([kept.count, counts]),
        np.concatenate([kept.dose_mg, merged.dose_mg]),
    )


def lay_out(
    runs: Runs,
    sample_patient: Ints,
    sample_time_h: Floats,
    change_patient: Ints,
    change_time_h: Floats,
    patients: int,
) -> Course:
    """Return the course of patients 0..patients-1 from their runs, samples and times of change (h).

    Samples keep their order and must be sorted by patient. Each change starts a new piece of its patient; pieces come
    out sorted by patient and time, so that a patient with c changes has c + 1 pieces.
    """
    runs = merge_equal_doses(runs)
    piece_patient, piece_start = _pieces(change_patient, change_time_h, patients)
    first_piece = np.searchsorted(piece_patient, np.arange(patients))
    piece_rank = np.arange(len(piece_patient)) - first_piece[piece_patient]
    ends = np.flatnonzero(piece_patient[1:] == piece_patient[:-1])
    sample_piece = _piece_of(sample_patient, sample_time_h, piece_patient, piece_start, first_piece)
    point_piece = np.concatenate([sample_piece, ends])
    point_time = np.concatenate([sample_time_h, piece_start[ends + 1]])
    start = np.where(np.isfinite(piece_start), piece_start, 0.0)[point_piece]
    end_point = np.full(len(piece_patient), -1, dtype=np.intp)
    end_point[ends] = len(sample_time_h) + np.arange(len(ends))
    point, dose, series = _terms(runs, piece_patient[point_piece], point_time, piece_start[point_piece], patients)
    return Course(
        patients=patients,
        samples=len(sample_time_h),
        sample_patient=np.asarray(sample_patient, dtype=np.intp),
        piece_patient=piece_patient,
        piece_rank=piece_rank,
        end_point=end_point,
        point_piece=point_piece,
        point_elapsed_h=point_time - start,
        series=series,
        term_dose_mg=dose,
        term_piece=point_piece[point],
        term_start=np.searchsorted(point, np.arange(len(point_piece))),
    )


def of_patients(course: Course, chosen: NDArray[np.bool_]) -> tuple[Course, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the course of the chosen patients (mask), with masks of the pieces and samples kept; units as before."""
    piece = chosen[course.piece_patient]
    point = piece[course.point_piece]
    term = piece[course.term_piece]
    sample = point[: course.samples]
    patient_no, piece_no, point_no, term_no = (np.cumsum(mask) - 1 for mask in (chosen, piece, point, term))
    end = course.end_point[piece]
    end[end >= 0] = point_no[end[end >= 0]]
    kept = Course(
        patients=int(np.count_nonzero(chosen)),
        samples=int(np.count_nonzero(sample)),
        sample_patient=patient_no[course.sample_patient[sample]],
        piece_patient=patient_no[course.piece_patient[piece]],
        piece_rank=course.piece_rank[piece],
        end_point=end,
        point_piece=piece_no[course.point_piece[point]],
        point_elapsed_h=course.point_elapsed_h[point],
        series=course.series.only(term),
        term_dose_mg=course.term_dose_mg[term],
        term_piece=piece_no[course.term_piece[term]],
        term_start=term_no[course.term_start[point]],
    )
    return kept, piece, sample


def tiled(course: Course, copies: int) -> Course:
    """Return a course with every patient `copies` times, copy after copy (for several starts); units as before."""

    def repeated(index: Ints, size: int) -> Ints:
        return np.asarray(np.concatenate([index + copy * size for copy in range(copies)]), dtype=np.intp)

    pieces, points, terms = len(course.piece_patient), len(course.point_piece), len(course.term_piece)
    # the samples of all copies come first among the points, so points are renumbered in two blocks
    place = np.argsort(np.concatenate([np.arange(points) >= course.samples] * copies), kind="stable")
    number = np.argsort(place, kind="stable")
    term_point = repeated(np.repeat(np.arange(points), np.diff(np.append(course.term_start, terms))), points)
    order = np.argsort(number[term_point], kind="stable")
    end = np.concatenate([np.where(course.end_point < 0, -1, course.end_point + c * points) for c in range(copies)])
    end[end >= 0] = number[end[end >= 0]]
    return Course(
        patients=course.patients * copies,
        samples=course.samples * copies,
        sample_patient=repeated(course.sample_patient, course.patients),
        piece_patient=repeated(course.piece_patient, course.patients),
        piece_rank=np.tile(course.piece_rank, copies),
        end_point=end,
        point_piece=repeated(course.point_piece, pieces)[place],
        point_elapsed_h=np.tile(course.point_elapsed_h, copies)[place],
        series=course.series.only(np.tile(np.arange(terms), copies)[order]),
        term_dose_mg=np.tile(course.term_dose_mg, copies)[order],
        term_piece=repeated(course.term_piece, pieces)[order],
        term_start=np.searchsorted(number[term_point][order], np.arange(points * copies)),
    )


def _pieces(change_patient: Ints, change_time_h: Floats, patients: int) -> tuple[Ints, Floats]:
    """Owner and start of every piece; the first piece of a patient has no start (minus infinity)."""
    owner = np.concatenate([np.arange(patients, dtype=np.intp), np.asarray(change_patient, dtype=np.intp)])
    start = np.concatenate([np.full(patients, -np.inf), np.asarray(change_time_h, dtype=float)])
    order = np.lexsort((start, owner))
    return owner[order], start[order]


def _piece_of(patient: Ints, time_h: Floats, piece_patient: Ints, piece_start: Floats, first_piece: Ints) -> Ints:
    """The piece of its patient that holds each time: the last one that started at or before it."""
    piece = first_piece[patient]
    for rank in range(1, int(np.bincount(piece_patient).max())):
        later = np.minimum(first_piece[patient] + rank, len(piece_patient) - 1)
        piece = np.where((piece_patient[later] == patient) & (piece_start[later] <= time_h), later, piece)
    return np.asarray(piece, dtype=np.intp)


def _terms(
    runs: Runs, point_patient: Ints, point_time: Floats, point_from: Floats, patients: int
) -> tuple[Ints, Floats, Series]:
    """Pair each point with the runs of its patient that have doses in its piece before it; sorted by point."""
    runs = runs.where(np.argsort(runs.patient, kind="stable"))
    runs_of = np.bincount(runs.patient, minlength=patients)
    first_run = np.cumsum(runs_of) - runs_of
    pairs_of = runs_of[point_patient]
    point = np.repeat(np.arange(len(point_time)), pairs_of)
    within = np.arange(len(point)) - np.repeat(np.cumsum(pairs_of) - pairs_of, pairs_of)
    run = first_run[point_patient[point]] + within
    start, every = runs.start_h[run], np.where(runs.count == 1.0, 1.0, runs.every_h)[run]
    seen = np.ceil((point_time[point] - start - SAME_INSTANT_H) / every)
    last = np.minimum(seen, runs.count[run]) - 1.0
    before = np.ceil((point_from[point] - start - SAME_INSTANT_H) / every)
    first = np.maximum(before, 0.0)
    some = last >= first
    series = Series((point_time[point] - (start + last * every))[some], every[some], (last - first + 1.0)[some])
    series, part_of = newest_apart(series)
    point, dose = point[some][part_of], runs.dose_mg[run][some][part_of]
    # every point gets a term, if need be an empty one, so that sums over terms need no special case
    bare = np.setdiff1d(np.arange(len(point_time)), point)
    zero = np.zeros(len(bare))
    point, dose = np.concatenate([point, bare]), np.concatenate([dose, zero])
    order = np.argsort(point, kind="stable")
    return (
        point[order],
        dose[order],
        Series(
            np.concatenate([series.since_h, zero + 1.0])[order],
            np.concatenate([series.every_h, zero + 1.0])[order],
            np.concatenate([series.count, zero + 1.0])[order],
        ),
    )
