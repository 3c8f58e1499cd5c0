# What R says of hierarchical models: writes lme4.json, and the data that R brings along as csv, beside this script.
#
#   apt-get install r-base-core r-cran-lme4 r-cran-nlme r-cran-mass r-cran-glmmtmb r-cran-jsonlite r-cran-numderiv
#   Rscript tests/data/lme4.R
#
# Every number comes by two roads. One is a package's (lme4; glmmTMB, nlme). The other is written out below with nothing
# but the definition: the dense covariance matrix of a Gaussian model, or, group by group, Laplace's approximation,
# Gauss and Hermite's rule around the mode, and R's integrate() for the integral itself. The script stops where the two
# disagree. All logarithms of likelihoods keep their constants. Parameters are labelled as in the PyMC models of
# tests/latent_models.py. It takes about five minutes.
#
# Sources of the data: cbpp, M. Lesnoff and others (2004), Preventive Veterinary Medicine 64; penicillin and pastes,
# O. Davies and P. Goldsmith (1972), Statistical Methods in Research and Production; epil, P. Thall and S. Vail (1990),
# Biometrics 46; orange, N. Draper and H. Smith (1998), Applied Regression Analysis; warpbreaks, L. Tippett (1950),
# Technological Applications of Statistics.

suppressMessages({library(lme4); library(nlme); library(glmmTMB); library(numDeriv); library(jsonlite)})

here <- dirname(normalizePath(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE))))
CUT <- qchisq(0.95, 1)
cases <- list()

must_agree <- function(what, a, b, tolerance) {
  gap <- max(abs(a - b) / pmax(1, abs(b)))
  cat(sprintf("%-60s %.1e\n", what, gap))
  if (!is.finite(gap) || gap > tolerance) stop(what, ": ", paste(a, b, sep = " and ", collapse = "; "))
}

share <- function(data, name) {
  write.csv(data, file.path(here, paste0(name, ".csv")), row.names = FALSE, quote = FALSE)
}

example <- function(name) read.csv(file.path(here, "..", "..", "examples", "data", paste0(name, ".csv")))

labels <- function(name, n) paste0(name, "[", seq_len(n) - 1, "]")

# --- minimising, and where a profile crosses the cut-off -------------------------------------------------------------

# nlminb comes near; Newton's steps with derivatives by Richardson's extrapolation finish. `lower` may be reached.
minimise <- function(f, start, lower, polish = 5) {
  x <- nlminb(start, f, lower = lower, upper = replace(rep(Inf, length(start)), names(start) == "rho", 0.9999),
              control = list(rel.tol = 1e-14, x.tol = 1e-11, eval.max = 9999, iter.max = 999))$par
  if (polish == 0) return(list(par = x, value = f(x)))
  free <- x > lower + 1e-5
  if (!any(free)) return(list(par = lower, value = f(lower)))
  inside <- function(z) f(replace(x, free, z))
  x[!free] <- lower[!free]
  bend <- hessian(inside, x[free])
  for (i in seq_len(polish)) {
    slope <- grad(inside, x[free])
    x[free] <- x[free] - solve(bend, slope)
    if (max(abs(slope)) < 1e-8) break
  }
  list(par = x, value = f(x), slope = max(abs(slope)), hessian = bend, free = free)
}

# Roots of the profile, coarsely; then Newton's method for (f - value - CUT, slope along the others) = 0. The others
# start from where they were and from the maximum: a standard deviation of 0 is a stationary point.
crossings <- function(f, best, value, lower, spread, which = seq_along(best)) {
  one <- function(i, sign) {
    rest <- best[-i]
    above <- function(v) {
      held <- function(r) f(append(r, v, i - 1))
      found <- lapply(list(pmax(rest, lower[-i] + 1e-3), best[-i]), minimise, f = held, lower = lower[-i], polish = 0)
      found <- found[[which.min(sapply(found, `[[`, "value"))]]
      rest <<- found$par
      found$value - value - CUT
    }
    inner <- best[[i]]
    repeat {
      outer <- max(inner + sign * 1.6 * spread[[i]], lower[[i]])
      if (above(outer) > 0) break
      if (outer == lower[[i]]) return(outer)
      inner <- outer
    }
    v <- uniroot(above, sort(c(inner, outer)), tol = 0.02 * spread[[i]])$root
    above(v)
    sharpen(f, append(rest, setNames(v, names(best)[i]), i - 1), i, value, lower)
  }
  setNames(lapply(which, function(i) c(one(i, -1), one(i, 1))), names(best)[which])
}

sharpen <- function(f, x, i, value, lower) {
  free <- x > lower + 1e-5
  x[!free] <- lower[!free]
  of <- function(z) f(replace(x, free, z))
  j <- which(names(x)[free] == names(x)[i])
  for (step in 1:20) {
    slope <- grad(of, x[free])
    if (step < 4) system <- hessian(of, x[free])
    system[j, ] <- slope
    move <- solve(system, replace(slope, j, f(x) - value - CUT))
    x[free] <- x[free] - move
    if (max(abs(move / (abs(x[free]) + 0.1))) < 1e-7) return(x[[i]])
  }
  stop("no end of the interval for ", names(x)[i])
}

spreads <- function(found) {
  replace(pmax(0.3 * abs(found$par), 0.2), found$free, sqrt(2 * diag(solve(found$hessian))))
}

# --- Gaussian models: y ~ N(X b, V) ----------------------------------------------------------------------------------

# -2 log L at the best b, which is solved for, and that b. `v` is V, or one of the equal blocks on its diagonal.
normal <- function(y, x, v) {
  root <- tryCatch(chol(v), error = function(e) NULL)
  if (is.null(root)) return(list(value = Inf))
  whiten <- function(a) array(backsolve(root, matrix(a, nrow(v)), transpose = TRUE), dim(a))
  r <- whiten(as.matrix(y))
  b <- numeric(0)
  if (ncol(x) > 0) {
    z <- whiten(x)
    b <- setNames(drop(qr.coef(qr(z), r)), colnames(x))
    r <- r - z %*% b
  }
  list(value = length(y) * (log(2 * pi) + 2 * mean(log(diag(root)))) + sum(r^2), b = b)
}

# `covariance` makes V of the variance parameters; `start` and `lower` are theirs. `modes` are E(u | y) and its spread.
gaussian <- function(y, x, covariance, start, lower, limits = TRUE) {
  found <- minimise(function(p) normal(y, x, covariance(p))$value, start, lower)
  b <- normal(y, x, covariance(found$par))$b
  v <- kronecker(diag(length(y) / nrow(covariance(found$par))), covariance(found$par))
  se <- sqrt(diag(solve(t(x) %*% solve(v, x))))
  answer <- list(maximum = list(minus2ll = found$value, estimates = as.list(c(b, found$par))), slope = found$slope)
  if (!limits) return(answer)
  of_b <- lapply(seq_along(b), function(i) {
    # b[i] beside the variance parameters; the other b are solved for
    f <- function(p) normal(y - x[, i] * p[1], x[, -i, drop = FALSE], covariance(p[-1]))$value
    crossings(f, c(b[i], found$par), found$value, c(-Inf, lower), c(se[i], spreads(found)), 1)
  })
  of_p <- crossings(function(p) normal(y, x, covariance(p))$value, found$par, found$value, lower, spreads(found))
  c(answer, list(limits = c(do.call(c, of_b), of_p)))
}

# u ~ N(0, S) and y | u ~ N(X b + Z u, sigma^2).
gaussian_modes <- function(y, x, z, s, sigma, b) {
  v <- z %*% s %*% t(z) + diag(sigma^2, length(y))
  gain <- s %*% t(z) %*% solve(v)
  list(modes = drop(gain %*% (y - x %*% b)), mode_sd = sqrt(pmax(0, diag(s - gain %*% z %*% s))))
}

indicators <- function(f) unname(model.matrix(~ 0 + f)[, ])

# lme4's deviance as it stands, its optimiser replaced: left alone, lmer stops with estimates good to four digits.
to_the_end <- function(fn, par, lower, upper, control) {
  x <- minimise(function(z) fn(z + 0), par, lower)$par  # a copy: lme4 keeps what it is given, nlminb writes into it
  list(par = x, fval = fn(x), conv = 0, message = "", feval = 1)
}
TIGHT <- lmerControl(optimizer = to_the_end, calc.derivs = FALSE, check.conv.singular = "ignore")

by_lmer <- function(formula, data, b, variance) {
  fit <- lmer(formula, data, REML = FALSE, control = TIGHT)
  of <- list(minus2ll = as.numeric(-2 * logLik(fit)), estimates = as.list(c(setNames(fixef(fit), b), variance(fit))))
  # with its own optimiser, as it is used; splines through the profile are good to three digits or so
  table <- suppressWarnings(confint(profile(lmer(formula, data, REML = FALSE), signames = FALSE)))
  list(fit = fit, lme4 = of, table = table)
}

finish <- function(name, call, own, lme4, limits = NULL, tolerance = 1e-6, ...) {
  must_agree(paste(name, "-2LL"), own$maximum$minus2ll, lme4$minus2ll, 1e-9)
  order <- names(own$maximum$estimates)
  must_agree(paste(name, "estimates"), unlist(own$maximum$estimates), unlist(lme4$estimates[order]), tolerance)
  for (label in names(limits)) {
    must_agree(paste(name, "limits", label), own$limits[[label]], limits[[label]], 5e-3)
  }
  cat(sprintf("%-60s %.1e\n", paste(name, "slope at the maximum"), own$slope))
  own$slope <- NULL
  cases[[name]] <<- c(list(call = call), own, list(lme4 = lme4, lme4_limits = limits), list(...))
}

rows <- function(table, names) setNames(lapply(seq_along(names), function(i) unname(table[i, ])), names)

# --- Dyestuff, Dyestuff2: one variance, and one on its edge ----------------------------------------------------------

for (set in c("Dyestuff", "Dyestuff2")) {
  d <- subset(example("dyestuff"), set == get("set", globalenv()))
  z <- indicators(factor(d$batch))
  x <- matrix(1, nrow(d), 1, dimnames = list(NULL, "mu"))
  own <- gaussian(d$yield, x, function(p) p[1]^2 + diag(p[2]^2, 5),
                  c(sd = sd(d$yield) / 2, sigma = sd(d$yield)), c(0, 1e-3))
  r <- by_lmer(yield ~ 1 + (1 | batch), d, "mu", function(f) c(sd = f@theta * sigma(f), sigma = sigma(f)))
  e <- own$maximum$estimates
  own <- c(own, gaussian_modes(d$yield, x, z, diag(e$sd^2, 6), e$sigma, e$mu))
  must_agree(paste(set, "modes"), own$modes, ranef(r$fit)$batch[[1]], 1e-5)
  finish(tolower(set), "lmer(yield ~ 1 + (1 | batch), REML = FALSE)", own, r$lme4,
         rows(r$table[c(3, 1, 2), ], c("mu", "sd", "sigma")))
}

# --- sleepstudy: correlated, uncorrelated, and intercepts alone ------------------------------------------------------

s <- example("sleepstudy")
names(s)[1] <- "reaction"
x <- cbind(`b[0]` = 1, `b[1]` = s$days)
who <- indicators(factor(s$subject))
stopifnot(s$days == 0:9)
slopes <- outer(0:9, 0:9)
mixed <- outer(0:9, 0:9, `+`)
noise <- diag(10)

own <- gaussian(s$reaction, x,
                function(p) p[1]^2 + p[2]^2 * slopes + p[3] * p[1] * p[2] * mixed + p[4]^2 * noise,
                c(`sd[0]` = 25, `sd[1]` = 5, rho = 0, sigma = 25), c(0, 0, -0.9999, 1e-2))
r <- by_lmer(reaction ~ days + (days | subject), s, names(own$maximum$estimates)[1:2], function(f) {
  v <- as.data.frame(VarCorr(f))$sdcor
  c(`sd[0]` = v[1], `sd[1]` = v[2], rho = v[3], sigma = v[4])
})
e <- own$maximum$estimates
cov <- e$rho * e$`sd[0]` * e$`sd[1]`
modes <- gaussian_modes(s$reaction, x, cbind(who, who * s$days),
                        kronecker(matrix(c(e$`sd[0]`^2, cov, cov, e$`sd[1]`^2), 2), diag(18)), e$sigma,
                        unlist(e[1:2]))
must_agree("sleepstudy modes", modes$modes, unlist(ranef(r$fit)$subject), 1e-5)
# (effect, subject): intercepts first
modes <- lapply(modes, function(m) matrix(m, 2, byrow = TRUE))
finish("sleepstudy", "lmer(reaction ~ days + (days | subject), REML = FALSE)", c(own, modes), r$lme4,
       rows(r$table[c(5, 6, 1, 3, 2, 4), ], c("b[0]", "b[1]", "sd[0]", "sd[1]", "rho", "sigma")), 1e-5)

own <- gaussian(s$reaction, x, function(p) p[1]^2 + p[2]^2 * slopes + p[3]^2 * noise,
                c(`sd[0]` = 25, `sd[1]` = 5, sigma = 25), c(0, 0, 1e-2))
r <- by_lmer(reaction ~ days + (days || subject), s, names(own$maximum$estimates)[1:2], function(f) {
  v <- as.data.frame(VarCorr(f))$sdcor
  c(`sd[0]` = v[1], `sd[1]` = v[2], sigma = v[3])
})
finish("sleepstudy_uncorrelated", "lmer(reaction ~ days + (days || subject), REML = FALSE)", own, r$lme4,
       rows(r$table[c(4, 5, 1, 2, 3), ], c("b[0]", "b[1]", "sd[0]", "sd[1]", "sigma")), 1e-5)

own <- gaussian(s$reaction, x, function(p) p[1]^2 + p[2]^2 * noise, c(sd = 25, sigma = 25), c(0, 1e-2))
r <- by_lmer(reaction ~ days + (1 | subject), s, names(own$maximum$estimates)[1:2],
             function(f) c(sd = f@theta * sigma(f), sigma = sigma(f)))
finish("sleepstudy_intercepts", "lmer(reaction ~ days + (1 | subject), REML = FALSE)", own, r$lme4,
       rows(r$table[c(3, 4, 1, 2), ], c("b[0]", "b[1]", "sd", "sigma")), 1e-5)

# --- Penicillin: two crossed effects. Pastes: one within another -----------------------------------------------------

share(Penicillin, "penicillin")
p <- indicators(Penicillin$plate)
q <- indicators(Penicillin$sample)
x <- matrix(1, 144, 1, dimnames = list(NULL, "mu"))
pp <- p %*% t(p)
qq <- q %*% t(q)
own <- gaussian(Penicillin$diameter, x, function(v) v[1]^2 * pp + v[2]^2 * qq + diag(v[3]^2, 144),
                c(sd_plate = 1, sd_sample = 1.5, sigma = 0.5), c(0, 0, 1e-3))
r <- by_lmer(diameter ~ 1 + (1 | plate) + (1 | sample), Penicillin, "mu", function(f) {
  v <- as.data.frame(VarCorr(f))$sdcor
  c(sd_plate = v[1], sd_sample = v[2], sigma = v[3])
})
e <- own$maximum$estimates
modes <- gaussian_modes(Penicillin$diameter, x, cbind(p, q), diag(rep(c(e$sd_plate, e$sd_sample), c(24, 6))^2), e$sigma, e$mu)
must_agree("penicillin modes", modes$modes, unlist(ranef(r$fit)), 1e-5)
finish("penicillin", "lmer(diameter ~ 1 + (1 | plate) + (1 | sample), REML = FALSE)", c(own, modes), r$lme4,
       rows(r$table[c(4, 1, 2, 3), ], c("mu", "sd_plate", "sd_sample", "sigma")), 1e-5)

share(Pastes[, c("strength", "batch", "cask")], "pastes")
cask <- kronecker(diag(3), matrix(1, 2, 2))
x <- matrix(1, 60, 1, dimnames = list(NULL, "mu"))
own <- gaussian(Pastes$strength, x,
                function(v) v[1]^2 + v[2]^2 * cask + diag(v[3]^2, 6),
                c(sd_batch = 1, sd_cask = 2, sigma = 0.8), c(0, 0, 1e-3))
r <- by_lmer(strength ~ 1 + (1 | batch / cask), Pastes, "mu", function(f) {
  v <- as.data.frame(VarCorr(f))  # casks within batches come first
  c(sd_batch = v$sdcor[v$grp == "batch"], sd_cask = v$sdcor[v$grp == "cask:batch"], sigma = sigma(f))
})
finish("pastes", "lmer(strength ~ 1 + (1 | batch / cask), REML = FALSE)", own, r$lme4,
       rows(r$table[c(4, 2, 1, 3), ], c("mu", "sd_batch", "sd_cask", "sigma")), 1e-5)

# --- Any density of y: group by group --------------------------------------------------------------------------------

# A model has, of the parameters p: eta(p), its linear predictor without effects; effects(p), q x q, what standard normal
# effects are multiplied by; design[[i]], how the effects of group i enter its rows[[i]]; density(y, eta, p) with its first
# two derivatives over eta.
binomial_density <- function(n) function(y, eta, i) {
  mu <- n[i] * plogis(eta)
  list(f = lchoose(n[i], y) + y * eta - n[i] * log1p(exp(eta)), slope = y - mu, bend = -mu * plogis(-eta))
}
poisson_density <- function(y, eta, i) {
  list(f = y * eta - exp(eta) - lgamma(y + 1), slope = y - exp(eta), bend = -exp(eta))
}

joint <- function(m, i, eta, w, u) {
  d <- m$density(m$y[m$rows[[i]]], eta + drop(w %*% u), m$rows[[i]])
  list(f = sum(d$f) + sum(dnorm(u, log = TRUE)), slope = drop(crossprod(w, d$slope)) - u,
       h = diag(1, length(u)) - crossprod(w, d$bend * w))
}

# The likeliest standard normal effects of a group, by Newton's method, halved where it goes down.
last <- new.env()
mode_of <- function(m, i, eta, w) {
  key <- paste(i, ncol(w), length(m$y))
  u <- if (is.null(last[[key]])) numeric(ncol(w)) else last[[key]]
  now <- joint(m, i, eta, w, u)
  for (step in 1:100) {
    move <- solve(now$h, now$slope)
    while (TRUE) {
      ahead <- joint(m, i, eta, w, u + move)
      if (ahead$f >= now$f - 1e-10) break
      move <- move / 2
    }
    u <- u + move
    now <- ahead
    if (max(abs(move)) < 1e-10) {
      last[[key]] <- u
      return(list(u = u, f = now$f, h = now$h))
    }
  }
  stop("no mode")
}

by_group <- function(m, p, log_integral) {
  eta <- m$eta(p)
  b <- m$effects(p)
  sapply(seq_along(m$rows), function(i) {
    w <- m$design[[i]] %*% b
    log_integral(i, eta[m$rows[[i]]], w, mode_of(m, i, eta[m$rows[[i]]], w))
  })
}

laplace <- function(m) function(p) {
  -2 * sum(by_group(m, p, function(i, eta, w, top) top$f + length(top$u) / 2 * log(2 * pi) - determinant(top$h)$modulus / 2))
}

# Nodes and weights of Gauss and Hermite from the matrix of the recurrence (Golub & Welsch 1969).
hermite <- function(n) {
  off <- sqrt(seq_len(n - 1) / 2)
  e <- eigen(rbind(cbind(0, diag(off)), 0) + t(rbind(cbind(0, diag(off)), 0)), symmetric = TRUE)
  list(x = e$values, w = sqrt(pi) * e$vectors[1, ]^2)
}

# The same two for one effect a group, all groups at once, which is faster.
one_effect <- function(m, p) {
  eta <- m$eta(p)
  s <- drop(m$effects(p))
  total <- function(v) as.vector(rowsum(v, m$group))
  u <- numeric(length(m$rows))
  at <- function(u) m$density(m$y, eta + s * u[m$group], seq_along(eta))
  for (step in 1:100) {
    d <- at(u)
    h <- 1 - s^2 * total(d$bend)
    move <- (s * total(d$slope) - u) / h
    u <- u + pmax(-2, pmin(2, move))
    if (max(abs(move)) < 1e-11) break
  }
  f <- function(u) total(at(u)$f) + dnorm(u, log = TRUE)
  list(u = u, h = h, f = f, top = f(u))
}

laplace_one <- function(m) function(p) {
  one <- one_effect(m, p)
  -2 * sum(one$top + log(2 * pi) / 2 - log(one$h) / 2)
}

quadrature_one <- function(m, n) {
  rule <- hermite(n)
  function(p) {
    one <- one_effect(m, p)
    scale <- sqrt(2 / one$h)
    rises <- sapply(rule$x, function(x) exp(x^2 + one$f(one$u + scale * x) - one$top))
    -2 * sum(log(scale * drop(rises %*% rule$w)) + one$top)
  }
}

# The integral itself, over +-12 of the units of the curvature; of two effects, one integral within another.
integral <- function(f) integrate(Vectorize(f), -12, 12, rel.tol = 1e-11, subdivisions = 2000, stop.on.error = TRUE)$value
integrated <- function(m) function(p) {
  -2 * sum(by_group(m, p, function(i, eta, w, top) {
    back <- backsolve(chol(top$h), diag(1, length(top$u)))
    f <- function(z) exp(joint(m, i, eta, w, top$u + drop(back %*% z))$f - top$f)
    value <- if (length(top$u) == 1) integral(f) else integral(function(z1) integral(function(z2) f(c(z1, z2))))
    log(value) + top$f + sum(log(diag(back)))
  }))
}

modes <- function(m, p) {
  b <- m$effects(p)
  tops <- by_group(m, p, function(i, eta, w, top) list(list(b %*% top$u, sqrt(diag(b %*% solve(top$h, t(b)))))))
  list(modes = sapply(tops, function(t) drop(t[[1]])), mode_sd = sapply(tops, function(t) drop(t[[2]])))
}

GLMM <- glmerControl(optimizer = to_the_end, tolPwrss = 1e-13, calc.derivs = FALSE, check.conv.singular = "ignore")

by_glmer <- function(formula, data, family, nodes, labels, variance) {
  fit <- glmer(formula, data, family, nAGQ = nodes, control = GLMM)
  list(minus2ll = as.numeric(-2 * logLik(fit)), estimates = as.list(setNames(c(fixef(fit), variance(fit)), labels)), fit = fit)
}

# Own maximum beside lme4's; the value at lme4's estimates three times: lme4's own, by hand, and by integrate().
compare <- function(name, call, f, exact, start, lower, other, tolerance = 1e-4, constant = 0, limits = NULL, ...) {
  own <- minimise(f, start, lower, polish = 3)
  there <- unlist(other$estimates)[names(own$par)]
  must_agree(paste(name, "-2LL at lme4's estimates"), f(there), other$minus2ll + constant, 1e-8)
  must_agree(paste(name, "-2LL"), own$value, other$minus2ll + constant, 1e-8)
  must_agree(paste(name, "estimates"), own$par, there, tolerance)
  cat(sprintf("%-60s %.1e\n", paste(name, "slope at the maximum"), own$slope))
  integral <- exact(there)
  cat(sprintf("%-60s %.3e\n", paste(name, "-2LL less that by integrate()"), f(there) - integral))
  ends <- if (length(limits) > 0) crossings(f, own$par, own$value, lower, spreads(own), limits)
  cases[[name]] <<- c(
    list(call = call, maximum = list(minus2ll = own$value, estimates = as.list(own$par)), limits = ends,
         lme4 = list(minus2ll = other$minus2ll, minus2ll_by_hand = f(there), minus2ll_by_integral = integral,
                     estimates = as.list(there))),
    list(...)
  )
}

with_limits <- TRUE

# --- cbpp: sick cattle in herds, binomial ----------------------------------------------------------------------------

share(cbpp, "cbpp")
x <- model.matrix(~period, cbpp)
scalar <- function(y, x, group, density) {
  list(y = y, eta = function(p) drop(x %*% p[seq_len(ncol(x))]), effects = function(p) matrix(p[ncol(x) + 1]),
       rows = split(seq_along(y), group), group = as.integer(group), design = lapply(split(y, group), function(r) matrix(1, length(r), 1)),
       density = density)
}
m <- scalar(cbpp$incidence, x, cbpp$herd, binomial_density(cbpp$size))
names_b <- c(labels("b", 4), "sd")
start <- setNames(c(-1.4, -1, -1.1, -1.6, 0.6), names_b)
lower <- c(rep(-Inf, 4), 0)
# with more than one node glmer leaves out the log density of the data at their own means
saturated <- -2 * sum(dbinom(cbpp$incidence, cbpp$size, cbpp$incidence / cbpp$size, log = TRUE))
for (nodes in c(1, 9)) {
  r <- by_glmer(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, binomial, nodes, names_b, function(f) f@theta)
  f <- if (nodes == 1) laplace_one(m) else quadrature_one(m, 9)
  name <- paste0("cbpp_", nodes)
  compare(name, paste0("glmer(cbind(incidence, size - incidence) ~ period + (1 | herd), binomial, nAGQ = ", nodes, ")"),
          f, integrated(m), start, lower, r, constant = if (nodes > 1) saturated else 0, limits = if (with_limits) 1:5)
  cases[[name]] <- c(cases[[name]], modes(m, unlist(cases[[name]]$maximum$estimates)))
  by_lme4 <- as.data.frame(ranef(r$fit))
  must_agree(paste(name, "modes"), cases[[name]]$modes, by_lme4$condval, 1e-5)
  must_agree(paste(name, "spread of modes"), cases[[name]]$mode_sd, by_lme4$condsd, 1e-5)
}
r <- glmmTMB(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, binomial)
must_agree("cbpp_1 -2LL of glmmTMB", as.numeric(-2 * logLik(r)), cases$cbpp_1$maximum$minus2ll, 1e-8)

# --- warpbreaks: counts with an effect for each observation, that is overdispersed -----------------------------------

x <- model.matrix(~ wool * tension, warpbreaks)
warpbreaks$loom <- factor(seq_len(nrow(warpbreaks)))
m <- scalar(warpbreaks$breaks, x, warpbreaks$loom, poisson_density)
names_b <- c(labels("b", 6), "sd")
saturated <- -2 * sum(dpois(warpbreaks$breaks, warpbreaks$breaks, log = TRUE))
for (nodes in c(1, 9)) {
  r <- by_glmer(breaks ~ wool * tension + (1 | loom), warpbreaks, poisson, nodes, names_b, function(f) f@theta)
  f <- if (nodes == 1) laplace_one(m) else quadrature_one(m, 9)
  name <- paste0("warpbreaks_", nodes)
  compare(name, paste0("glmer(breaks ~ wool * tension + (1 | loom), poisson, nAGQ = ", nodes, ")"), f, integrated(m),
          setNames(c(3.7, -0.4, -0.6, -0.6, 0.6, 0.2, 0.3), names_b), c(rep(-Inf, 6), 0), r,
          constant = if (nodes > 1) saturated else 0, limits = if (with_limits) 7)
}

# --- epil: seizures of epileptics, a subject's effect and one for each visit; then a subject's level and slope -------

epil <- MASS::epil
epil$visit <- (2 * epil$period - 5) / 10
share(epil[, c("y", "trt", "base", "age", "period", "subject")], "epil")
x <- model.matrix(~ lbase * trt + lage, epil)
who <- split(seq_len(nrow(epil)), epil$subject)
names_b <- c(labels("b", 5), "sd_subject", "sd_visit")
epil$row <- factor(seq_len(nrow(epil)))
r <- by_glmer(y ~ lbase * trt + lage + (1 | subject) + (1 | row), epil, poisson, 1, c(names_b[1:5], "sd_visit", "sd_subject"),
              function(f) f@theta)
m <- list(y = epil$y, eta = function(p) drop(x %*% p[1:5]), effects = function(p) diag(p[c(6, 7, 7, 7, 7)]), rows = who,
          design = rep(list(cbind(1, diag(4))), 59), density = poisson_density)
# the visits are independent given the subject
nested <- function(p) {
  eta <- m$eta(p)
  -2 * sum(sapply(seq_along(who), function(i) {
    w <- m$design[[i]] %*% m$effects(p)
    top <- mode_of(m, i, eta[who[[i]]], w)
    spread <- sqrt(solve(top$h)[1, 1])
    given <- function(u) sum(sapply(who[[i]], function(j) {
      f <- function(v) dpois(epil$y[j], exp(eta[j] + p[[6]] * u + p[[7]] * v)) * dnorm(v)
      log(integrate(f, -9, 9, rel.tol = 1e-11, subdivisions = 2000)$value)
    }))
    at <- given(top$u[1])
    log(spread * integral(function(z) exp(given(top$u[1] + spread * z) + dnorm(top$u[1] + spread * z, log = TRUE) - at))) + at
  }))
}
compare("epil_nested", "glmer(y ~ lbase * trt + lage + (1 | subject) + (1 | row), poisson)", laplace(m), nested,
        setNames(c(1.8, 0.9, -0.3, 0.3, 0.5, 0.5, 0.35), names_b), c(rep(-Inf, 5), 0, 0), r)
t <- glmmTMB(y ~ lbase * trt + lage + (1 | subject) + (1 | row), epil, poisson)
must_agree("epil_nested -2LL of glmmTMB", as.numeric(-2 * logLik(t)), cases$epil_nested$maximum$minus2ll, 1e-8)

x <- model.matrix(~ lbase * trt + lage + visit, epil)
names_b <- c(labels("b", 6), "sd[0]", "sd[1]", "rho")
r <- by_glmer(y ~ lbase * trt + lage + visit + (visit | subject), epil, poisson, 1, names_b, function(f) {
  as.data.frame(VarCorr(f))$sdcor
})
m <- list(y = epil$y, eta = function(p) drop(x %*% p[1:6]), rows = who, density = poisson_density,
          effects = function(p) rbind(c(p[7], 0), p[8] * c(p[9], sqrt(1 - p[9]^2))),
          design = lapply(who, function(j) cbind(1, epil$visit[j])))
compare("epil_slopes", "glmer(y ~ lbase * trt + lage + visit + (visit | subject), poisson)", laplace(m), integrated(m),
        setNames(c(1.8, 0.9, -0.3, 0.3, 0.5, -0.3, 0.5, 0.7, 0), names_b), c(rep(-Inf, 6), 0, 0, -0.9999), r)
t <- glmmTMB(y ~ lbase * trt + lage + visit + (visit | subject), epil, poisson)
must_agree("epil_slopes -2LL of glmmTMB", as.numeric(-2 * logLik(t)), cases$epil_slopes$maximum$minus2ll, 1e-8)

# --- Orange: a logistic curve whose height varies, so that the integral is still Gaussian ----------------------------

share(as.data.frame(Orange)[, c("Tree", "age", "circumference")], "orange")
curve <- function(p) plogis((Orange$age - p[["xmid"]]) / p[["scal"]])
tree <- outer(as.integer(Orange$Tree), 1:5, `==`) * 1
f <- function(p) {
  g <- curve(p)
  normal(Orange$circumference - p[["asym"]] * g, matrix(0, 35, 0), p[["sd"]]^2 * tcrossprod(g * tree) + diag(p[["sigma"]]^2, 35))$value
}
own <- minimise(f, c(asym = 192, xmid = 728, scal = 348, sd = 31, sigma = 8), c(-Inf, -Inf, 1, 0, 1e-2))
cat(sprintf("%-60s %.1e\n", "orange slope at the maximum", own$slope))
by_nlmer <- nlmer(circumference ~ SSlogis(age, Asym, xmid, scal) ~ Asym | Tree, Orange,
                  start = c(Asym = 192, xmid = 728, scal = 348))
by_nlme <- nlme(circumference ~ SSlogis(age, Asym, xmid, scal), fixed = Asym + xmid + scal ~ 1, random = Asym ~ 1 | Tree,
                data = Orange, start = c(192, 728, 348), method = "ML")
e <- setNames(c(fixef(by_nlmer), by_nlmer@theta * sigma(by_nlmer), sigma(by_nlmer)), names(own$par))
e2 <- setNames(c(fixef(by_nlme), as.numeric(VarCorr(by_nlme)[, "StdDev"])), names(own$par))
print(rbind(own = c(own$par, own$value, NA), nlmer = c(e, -2 * logLik(by_nlmer), f(e)), nlme = c(e2, -2 * logLik(by_nlme), f(e2))),
      digits = 12)
cases$orange <- list(call = "nlmer(circumference ~ SSlogis(age, Asym, xmid, scal) ~ Asym | Tree)",
                     maximum = list(minus2ll = own$value, estimates = as.list(own$par)),
                     lme4 = list(minus2ll = as.numeric(-2 * logLik(by_nlmer)), minus2ll_by_hand = f(e), estimates = as.list(e)))

# ---------------------------------------------------------------------------------------------------------------------

versions <- lapply(setNames(nm = c("lme4", "nlme", "glmmTMB", "MASS", "numDeriv")), function(p) as.character(packageVersion(p)))
write_json(list(command = "Rscript tests/data/lme4.R", versions = c(list(R = as.character(getRversion())), versions), cases = cases),
           file.path(here, "lme4.json"), auto_unbox = TRUE, digits = NA, pretty = 2)
