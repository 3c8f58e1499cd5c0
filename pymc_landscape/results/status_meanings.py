"""What each status means and what to do about it: one text a status, for reports, pages and whoever reads a result."""

from __future__ import annotations

from pymc_landscape._dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """What a status says, and what to do.

    Parameters
    ----------
    means : str
        One or two sentences.
    do : str
        What to do next.
    """

    means: str
    do: str

    def __str__(self) -> str:
        """Join the two."""
        return f"{self.means} {self.do}"


# Of `Fit.status`.
FIT_STATUSES = {
    "converged": Meaning(
        "The likelihood has a maximum inside the support, and the search arrived there: the slope is zero and the "
        "surface rises in every direction.",
        "Go on: read the estimates, and take the profile's limits where these and Wald's differ.",
    ),
    "at_bound": Meaning(
        "The likelihood is highest on the edge of the support, as where a variance is 0 or a chance is 0 or 1.",
        "Use it: the estimate is right. It has no standard error, so report the profile's one-sided limit. χ² cut-offs "
        "are approximate there: tests allow for the edge by themselves, and method='simulated' gives calibrated ends.",
    ),
    "not_identified": Meaning(
        "The lowest −2LL is not at one point but all along a line or a plane: the data determine only combinations of "
        "some parameters.",
        "Do not report the estimates of these parameters: they are one place on a ridge. Fix or leave out a parameter, "
        "report a combination that is determined, or say openly that a prior decides (fit_map, or the posterior).",
    ),
    "unbounded": Meaning(
        "The likelihood has no maximum: −2LL falls for as long as some parameter goes on. With separated classes it "
        "falls towards a limit; where a scale collapses on single observations it falls without one.",
        "Report no estimate and no standard error of what runs away. Where there is a limit, the profile still gives "
        "an end on one side. Else use Firth's penalty (fit_mle(penalty='firth')), a prior, or a model that cannot "
        "collapse: random effects integrated out, scales tied together or bounded away from 0.",
    ),
    "failed": Meaning(
        "The search ended where there is no optimum: at a point that is not finite, at a slope, or above another.",
        "Use none of its numbers. Where the message names data that no parameter value allows, mend these or the "
        "distribution. Else scale the data, give starts near where the parameters are known to be, or more of them, "
        "and look at a slice of the surface (evaluate_landscape) for what is wrong with the model.",
    ),
}

# Of the ends of intervals: `confidence_intervals`, `read_intervals`, `compare_with_posterior`.
INTERVAL_STATUSES = {
    "finite": Meaning(
        "The end is a number: −2LL, minimised over all else, reaches the cut-off there.",
        "Report it.",
    ),
    "at_bound": Meaning(
        "The interval goes up to the edge of the parameter's support, which belongs to it.",
        "Report the edge as the end. The interval is one-sided, and its cut-off approximate.",
    ),
    "open": Meaning(
        "There is no end on this side: −2LL stays below the cut-off however far one goes.",
        "Report −∞ or ∞, or 'no upper limit', and never a large number in its place. More data, or a prior, may give "
        "one.",
    ),
    "new_optimum": Meaning(
        "On the way to this end a lower −2LL than the estimate's was met. It took the estimate's place, and the end is "
        "its.",
        "The fit was no maximum: fit again with more starts, and make the intervals from that fit.",
    ),
    "failed": Meaning(
        "The end was not found: the surface has no numbers there, or the search did not arrive.",
        "Trace the profile (profile_likelihood) and look at it, or use method='bootstrap'.",
    ),
}

# Of the reference of a test: `likelihood_ratio_test`, `score_test`, `wald_test`.
TEST_REFERENCES = {
    "chi2": Meaning(
        "The statistic is compared with χ², as Wilks' theorem says for a null inside the alternative and many data.",
        "Report the statistic, its degrees of freedom and p.",
    ),
    "chibar2": Meaning(
        "The null puts a parameter on the edge of its support, as a variance of 0. There the estimate is on the edge "
        "in a good part of all data sets (half of them, where there are many groups), and the law is a mixture of χ².",
        "Report the mixture's weights with p. With few groups use reference='exact' or 'bootstrap'.",
    ),
    "weighted_chi2": Meaning(
        "The model is allowed to be wrong (sandwich=True): the law is a weighted sum of χ²₁.",
        "Report the weights, and that the test is robust.",
    ),
    "bootstrap": Meaning(
        "The law was simulated: data sets drawn from the fitted null, both models fitted to each.",
        "Report how many were drawn, and the Monte Carlo error of p.",
    ),
    "exact": Meaning(
        "The law of the one variance component of a linear mixed model was simulated from its exact form, which holds "
        "for any number of groups.",
        "Report that, and the Monte Carlo error of p.",
    ),
}
