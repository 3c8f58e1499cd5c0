# What R says of restricted likelihoods (REML): writes reml.json, and the data that R brings along as csv, beside this
# script. In a minute.
#
#   apt-get install r-base-core r-cran-lme4 r-cran-nlme r-cran-metafor r-cran-glmmtmb r-cran-jsonlite
#   Rscript tests/data/reml.R
#
# Every number of a linear model comes by two roads. One is a package's: lme4, nlme, metafor. The other is the definition, with the dense
# covariance matrix V(theta) of the data,
#
#   -2 log L_R = (n - p) log 2 pi + log|V| + log|X'V^-1 X| + r'V^-1 r,   r = y - X b,   b = (X'V^-1 X)^-1 X'V^-1 y.
#
# metafor's log L_R has log|X'X| / 2 more (its contrasts are orthonormal): that is taken off here. The script stops where
# two roads disagree.
#
# Sources of the data: bcg, G. Colditz and others (1994), Journal of the American Medical Association 271; orthodont,
# R. Potthoff and S. Roy (1964), Biometrika 51; ovary, R. Pierson and O. Ginther (1987), Theriogenology 28, first
# differences left as they are. The others are those of lme4.R.

suppressMessages({library(lme4); library(nlme); library(metafor); library(glmmTMB); library(jsonlite)})

here <- dirname(normalizePath(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE))))
example <- function(name) read.csv(file.path(here, "..", "..", "examples", "data", paste0(name, ".csv")))
beside <- function(name) read.csv(file.path(here, paste0(name, ".csv")), stringsAsFactors = TRUE)
share <- function(data, name) {
  write.csv(data, file.path(here, paste0(name, ".csv")), row.names = FALSE, quote = FALSE)
  beside(name)
}
cases <- list()

restricted <- function(y, X, V) {
  W <- solve(V); M <- crossprod(X, W %*% X); b <- solve(M, crossprod(X, W %*% y)); r <- y - X %*% b
  value <- (length(y) - ncol(X)) * log(2 * pi) + determinant(V)$modulus + determinant(M)$modulus + sum(r * (W %*% r))
  list(minus2ll = c(value), fixed = c(b), fixed_se = sqrt(diag(solve(M))))
}

# The minimum of the definition from the package's estimate, in a scale on which all may be any real number.
definition <- function(y, X, covariance, start, forward = log, backward = exp) {
  f <- function(t) restricted(y, X, covariance(backward(t)))$minus2ll
  t <- forward(start)
  for (i in 1:4) t <- optim(t, f, method = "BFGS", control = list(reltol = 1e-15, maxit = 500, ndeps = rep(1e-5, length(t))))$par
  t <- nlminb(t, f, control = list(rel.tol = 1e-15, x.tol = 1e-10))$par
  c(list(parameters = backward(t)), restricted(y, X, covariance(backward(t))))
}

record <- function(name, package, minus2ll, parameters, fixed, fixed_se, other) {
  gaps <- c(minus2ll - other$minus2ll, (unlist(parameters) - other$parameters) / pmax(1, abs(other$parameters)),
            (fixed - other$fixed) / pmax(1, abs(other$fixed)), fixed_se - other$fixed_se)
  cat(sprintf("%-24s -2LL %.9f, roads differ by %.1e and %.1e\n", name, other$minus2ll, abs(gaps[1]), max(abs(gaps[-1]))))
  if (abs(gaps[1]) > 1e-6 || max(abs(gaps[-1])) > 2e-3) stop(name)
  cases[[name]] <<- list(package = package, minus2ll = other$minus2ll, parameters = as.list(other$parameters),
                         fixed = other$fixed, fixed_se = unname(other$fixed_se))
}

# --- lme4 ------------------------------------------------------------------------------------------------------------

with_lmer <- function(name, formula, data, names) {
  m <- lmer(formula, data, REML = TRUE, control = lmerControl(optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-12)))
  spread <- as.data.frame(VarCorr(m), order = "lower.tri")
  Zt <- as.matrix(getME(m, "Zt")); devf <- update(m, devFunOnly = TRUE)
  covariance <- function(sd) {  # standard deviations, and correlations where there are two variables
    devf(theta_of(sd)); L <- as.matrix(environment(devf)$pp$Lambdat)
    s <- sd[[length(sd)]]
    s^2 * (crossprod(L %*% Zt) + diag(ncol(Zt)))
  }
  correlated <- any(!is.na(spread$var2))
  theta_of <- function(sd) {
    k <- length(sd); s <- sd[[k]]
    if (!correlated) return(sd[-k] / s)
    c(sd[[1]], sd[[2]] * sd[[3]], sd[[2]] * sqrt(1 - sd[[3]]^2)) / s
  }
  estimate <- setNames(if (correlated) spread$sdcor[c(1, 3, 2, 4)] else spread$sdcor, names)
  there <- if (correlated) function(x) setNames(c(log(x[c(1, 2)]), atanh(x[3]), log(x[4])), names) else log
  back <- if (correlated) function(t) setNames(c(exp(t[c(1, 2)]), tanh(t[3]), exp(t[4])), names) else exp
  if (any(estimate == 0)) {
    other <- c(list(parameters = estimate), restricted(getME(m, "y"), getME(m, "X"), covariance(estimate)))
  } else other <- definition(getME(m, "y"), getME(m, "X"), covariance, estimate, there, back)
  record(name, "lme4", REMLcrit(m), estimate, unname(fixef(m)), unname(sqrt(diag(as.matrix(vcov(m))))), other)
}

dye <- example("dyestuff")
with_lmer("dyestuff", yield ~ 1 + (1 | batch), subset(dye, set == "Dyestuff"), c("between", "within"))
with_lmer("dyestuff2", yield ~ 1 + (1 | batch), subset(dye, set == "Dyestuff2"), c("between", "within"))
sleep <- example("sleepstudy")
with_lmer("sleepstudy", reaction_ms ~ days + (days | subject), sleep, c("sd_intercept", "sd_slope", "rho", "sigma"))
with_lmer("sleepstudy_uncorrelated", reaction_ms ~ days + (days || subject), sleep, c("sd_intercept", "sd_slope", "sigma"))
with_lmer("sleepstudy_intercepts", reaction_ms ~ days + (1 | subject), sleep, c("sd_intercept", "sigma"))
with_lmer("penicillin", diameter ~ 1 + (1 | plate) + (1 | sample), beside("penicillin"), c("sd_plate", "sd_sample", "sigma"))
with_lmer("pastes", strength ~ 1 + (1 | batch / cask), beside("pastes"), c("sd_cask", "sd_batch", "sigma"))

# --- nlme ------------------------------------------------------------------------------------------------------------

ortho <- share(data.frame(distance = Orthodont$distance, age = Orthodont$age, subject = as.character(Orthodont$Subject),
                          male = as.integer(Orthodont$Sex == "Male")), "orthodont")
m <- lme(distance ~ age * male, random = ~ 1 | subject, weights = varIdent(form = ~ 1 | male), data = ortho,
         control = lmeControl(msTol = 1e-14, tolerance = 1e-12, niterEM = 200, opt = "nlminb"))
ratio <- coef(m$modelStruct$varStruct, unconstrained = FALSE, allCoef = TRUE)
Z <- model.matrix(~ subject - 1, ortho)
estimate <- c(sd_subject = as.numeric(VarCorr(m)[1, 2]), sigma_female = m$sigma * ratio[["0"]], sigma_male = m$sigma * ratio[["1"]])
record("orthodont_by_sex", "nlme", -2 * c(logLik(m)), estimate, unname(fixef(m)), unname(sqrt(diag(vcov(m)))),
       definition(ortho$distance, model.matrix(~ age * male, ortho), function(x)
         x[[1]]^2 * tcrossprod(Z) + diag(ifelse(ortho$male == 1, x[[3]], x[[2]])^2), estimate))

ovary <- share(data.frame(follicles = Ovary$follicles, time = round(Ovary$Time, 8), mare = paste0("m", Ovary$Mare)), "ovary")
ovary$at <- ave(ovary$time, ovary$mare, FUN = seq_along)
wave <- follicles ~ sin(2 * pi * time) + cos(2 * pi * time)
m <- gls(wave, ovary, correlation = corAR1(form = ~ at | mare), control = glsControl(msTol = 1e-14, tolerance = 1e-12))
same <- outer(ovary$mare, ovary$mare, "=="); lag <- abs(outer(ovary$at, ovary$at, "-"))
estimate <- c(rho = unname(coef(m$modelStruct$corStruct, unconstrained = FALSE)), sigma = m$sigma)
record("ovary_ar1", "nlme", -2 * c(logLik(m)), estimate, unname(coef(m)), unname(sqrt(diag(vcov(m)))),
       definition(ovary$follicles, model.matrix(wave, ovary), function(x) x[[2]]^2 * same * x[[1]]^lag, estimate,
                  function(x) setNames(c(atanh(x[1]), log(x[2])), names(estimate)),
                  function(t) setNames(c(tanh(t[1]), exp(t[2])), names(estimate))))

# --- metafor ---------------------------------------------------------------------------------------------------------

effects <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
bcg <- share(data.frame(y = format(effects$yi, digits = 17), v = format(effects$vi, digits = 17), ablat = effects$ablat,
                        alloc = effects$alloc), "bcg")
with_rma <- function(name, mods) {
  m <- rma(y, v, mods = mods, data = bcg, method = "REML", control = list(threshold = 1e-14, maxiter = 1000))
  ll <- c(logLik(m)) - 0.5 * c(determinant(crossprod(m$X))$modulus)
  record(name, "metafor", -2 * ll, c(tau2 = m$tau2), c(m$beta), m$se,
         definition(bcg$y, m$X, function(x) diag(bcg$v + x[["tau2"]]), c(tau2 = m$tau2)))
}
with_rma("bcg", ~ 1)
with_rma("bcg_latitude", ~ ablat)
with_rma("bcg_latitude_allocation", ~ ablat + alloc)

# --- glmmTMB: Laplace's approximation over fixed and random effects ---------------------------------------------------

with_glmmTMB <- function(name, formula, data, family, group) {
  m <- glmmTMB(formula, data, family = family, REML = TRUE, control = glmmTMBControl(optCtrl = list(rel.tol = 1e-14)))
  cases[[name]] <<- list(package = "glmmTMB", minus2ll = -2 * c(logLik(m)), fixed = unname(fixef(m)$cond),
                         parameters = list(sd = sqrt(c(VarCorr(m)$cond[[group]]))))
}
cbpp <- transform(beside("cbpp"), period = factor(period), herd = factor(herd))
with_glmmTMB("cbpp", cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, binomial, "herd")
with_glmmTMB("epil", y ~ log(base) + trt + (1 | subject), beside("epil"), poisson, "subject")

write_json(cases, file.path(here, "reml.json"), auto_unbox = TRUE, digits = 14, pretty = TRUE)
