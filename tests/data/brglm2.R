# Writes brglm2.json: maximum Jeffreys-penalised likelihood (a = 1/2) by brglm2, on data that glm separates or fits badly.
# Rscript tests/data/brglm2.R
library(brglm2)
library(jsonlite)

here <- function(name) file.path("tests", "data", name)
endometrial <- read.csv(file.path("examples", "data", "endometrial.csv"))
penalised <- function(formula, family, data, ...) {
  fit <- glm(formula, family = family, data = data, method = "brglmFit", type = "MPL_Jeffreys", a = 0.5,
             epsilon = 1e-12, maxit = 5000, slowit = 0.5, ...)
  list(coef = unname(coef(fit)), se = unname(sqrt(diag(summary(fit)$cov.scaled)))[seq_along(coef(fit))],
       log_likelihood = as.numeric(logLik(fit)))
}
counts <- data.frame(y = c(0, 3, 7, 0, 2, 9), x = c(-1, 0, 1, -1, 0.5, 2), g = c(0, 0, 0, 1, 1, 1))
write_json(
  list(
    logit = penalised(HG ~ NV + PI + EH, binomial("logit"), endometrial),
    probit = penalised(HG ~ NV + PI + EH, binomial("probit"), endometrial),
    cloglog = penalised(HG ~ NV + PI + EH, binomial("cloglog"), endometrial),
    poisson = penalised(y ~ x + g, poisson("log"), counts),
    version = as.character(packageVersion("brglm2"))
  ),
  here("brglm2.json"), digits = 12, auto_unbox = TRUE, pretty = TRUE
)
