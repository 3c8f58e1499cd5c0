# What R takes for the same work: `Rscript benchmarks/peers.R WORK [FILE]` prints NAME SECONDS PROCESSOR a line.
# WORK is glm (1,000 refits of the budworm data), profiles (of all coefficients of a logistic regression of y on all
# other columns of FILE), lmer (sleepstudy), or glmm (counts of many groups, read from FILE).

arguments <- commandArgs(TRUE)
here <- dirname(normalizePath(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE))))
read <- function(name) read.csv(file.path(here, "..", "examples", "data", name))

# Median of n runs by both clocks, after some to warm up.
tell <- function(name, work, n, warm) {
  for (i in seq_len(warm)) work()
  took <- replicate(n, {
    used <- system.time(work())
    c(used[["elapsed"]], used[["user.self"]] + used[["sys.self"]])
  })
  cat(name, median(took[1, ]), median(took[2, ]), "\n")
}

# So short that the clock's own step would show: the mean of m at a time.
many <- function(work, m) function() for (i in seq_len(m)) work()

if (arguments[1] == "glm") {
  moths <- read("budworm.csv")
  moths$male <- moths$sex == "M"
  fitted <- glm(cbind(dead, n - dead) ~ male + ldose, binomial, moths)
  chance <- fitted(fitted)
  refits <- function() for (i in 1:1000) {
    moths$again <- rbinom(nrow(moths), moths$n, chance)
    coef(glm(cbind(again, n - again) ~ male + ldose, binomial, moths))
  }
  tell("glm", refits, 3, 1)
}
if (arguments[1] == "profiles") {
  if (getRversion() < "4.4.0") loadNamespace("MASS")  # has the method until then
  fitted <- glm(y ~ . - 1, binomial, read.csv(arguments[2]))
  tell("profiles", function() profile(fitted), 1, 1)
}
if (arguments[1] == "lmer") {
  suppressMessages(library(lme4))
  sleep <- read("sleepstudy.csv")
  fit <- function() lmer(reaction_ms ~ days + (days | subject), sleep, REML = FALSE)
  tell("lmer_of_20", many(fit, 20), 5, 1)
  fitted <- fit()
  tell("confint", function() confint(profile(fitted)), 2, 0)
}
if (arguments[1] == "glmm") {
  data <- read.csv(arguments[2])
  if (requireNamespace("glmmTMB", quietly = TRUE)) {
    tell("glmmTMB", function() glmmTMB::glmmTMB(y ~ x + (1 | group), data, poisson), 1, 0)
  }
  if (requireNamespace("lme4", quietly = TRUE)) {
    tell("glmer", function() lme4::glmer(y ~ x + (1 | group), data, poisson), 1, 0)
    tell("glmer_25_nodes", function() lme4::glmer(y ~ x + (1 | group), data, poisson, nAGQ = 25), 1, 0)
  }
}
