# How long lme4 takes for what the page on latent variables is measured against: run by hand, on a quiet machine,
# beside the package's own timing of the same work.
#
#   apt-get install r-base-core r-cran-lme4
#   Rscript benchmarks/lme4.R

suppressMessages(library(lme4))

here <- dirname(normalizePath(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE))))
sleep <- read.csv(file.path(here, "..", "examples", "data", "sleepstudy.csv"))

# Elapsed and processor time of each of n runs, after some to warm up.
clock <- function(work, n, warm) {
  for (i in seq_len(warm)) work()
  took <- replicate(n, {
    before <- proc.time()
    wall <- Sys.time()
    work()
    used <- proc.time() - before
    c(elapsed = as.numeric(difftime(Sys.time(), wall, units = "secs")), processor = used[["user.self"]] + used[["sys.self"]])
  })
  took
}

tell <- function(what, took, unit, scale) {
  cat(sprintf("%-52s median %8.3f %s   fastest %8.3f   processor, mean %8.3f\n", what, median(took["elapsed", ]) * scale, unit,
              min(took["elapsed", ]) * scale, mean(took["processor", ]) * scale))
}

fit <- function() lmer(reaction_ms ~ days + (days | subject), sleep, REML = FALSE)
tell("lmer(reaction ~ days + (days | subject))", clock(fit, 100, 10), "ms", 1e3)
fitted <- fit()
tell("confint(profile(fit)), six parameters", clock(function() confint(profile(fitted)), 5, 1), "s ", 1)
cat(R.version.string, "lme4", as.character(packageVersion("lme4")), basename(extSoftVersion()[["BLAS"]]), "\n")
