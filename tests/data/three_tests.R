# Score ("Rao") and Wald statistics of R's glm, for tests/inference/hypothesis_tests: Rscript three_tests.R > three_tests.json
library(jsonlite)
ldose <- rep(0:5, 2)
dead <- c(1, 4, 9, 13, 18, 20, 0, 2, 6, 10, 12, 16)
male <- rep(c(1, 0), c(6, 6))
y <- cbind(dead, 20 - dead)
exact <- glm.control(epsilon = 1e-15, maxit = 100)
of <- function(link, null, tested) {
  larger <- glm(y ~ male + ldose, family = binomial(link), control = exact)
  smaller <- glm(null, family = binomial(link), control = exact)
  b <- coef(larger)[tested]
  v <- vcov(larger)[tested, tested]
  list(rao = anova(smaller, larger, test = "Rao")$Rao[2], wald = drop(t(b) %*% solve(v) %*% b))
}
out <- list()
for (link in c("logit", "probit")) {
  out[[paste(link, "b1")]] <- of(link, y ~ ldose, "male")
  out[[paste(link, "b1 b2")]] <- of(link, y ~ 1, c("male", "ldose"))
}
cat(toJSON(out, auto_unbox = TRUE, digits = 14, pretty = TRUE), "\n")
