"""Small real data sets, and what maximum likelihood makes of them: R's answers, and those of 50-digit arithmetic.

The data are those of R 4.2.2 (``datasets``, MASS 7.3-58, survival 3.5, pscl 1.5.5), with the original source named.
Each answer was computed twice:

- by R with the command in the comment. ``truth(nll, start)`` stands for ``optim(method="BFGS", reltol=1e-15)``, six
  Newton steps with ``numDeriv::grad`` and ``numDeriv::hessian``, and ``sqrt(diag(solve(hessian(nll, x))))`` there;
- by the density written out with mpmath at 50 digits, Newton's method, and the inverse of the Hessian: the digits kept.

Both agree to the 8 digits or more that R can give. Standard errors are those of the *observed* information for all
parameters together; a comment says where a program reports another kind. All constants of log L are kept.
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Answer:
    """Maximum, estimates and standard errors by name of the parameter, from `n` observations."""

    log_likelihood: float
    estimate: dict[str, float | list[float]]
    standard_error: dict[str, float | list[float]]
    n: int
    criteria: dict[str, float] = field(default_factory=dict)


def numbers(text: str) -> np.ndarray:
    """Read numbers with blanks between them."""
    return np.array(text.split(), dtype=float)


def digits(text: str) -> np.ndarray:
    """Read numbers of one digit each."""
    return np.array([float(d) for d in "".join(text.split())])


# Gaussian regression. stackloss: plant data of Brownlee (1960, 1965). f <- lm(stack.loss ~ ., stackloss); logLik(f);
# AIC(f); BIC(f). lm reports s on n - 4 degrees of freedom, so:
# truth(function(t) -sum(dnorm(stack.loss, X %*% t[1:4], t[5], log=TRUE)), ...).
# HC0: sqrt(diag(sandwich::vcovHC(f, type="HC0"))).
AIR_FLOW = numbers("80 80 75 62 62 62 62 62 58 58 58 58 58 58 50 50 50 50 50 56 70")
WATER_TEMP = numbers("27 27 25 24 22 23 24 24 23 18 18 17 18 19 18 18 19 19 20 20 20")
ACID_CONC = numbers("89 88 90 87 87 87 93 93 87 80 89 88 82 93 89 86 72 79 80 82 91")
STACK_LOSS = numbers("42 37 37 28 18 18 19 20 15 14 14 13 11 12 8 7 8 8 9 15 15")
STACKLOSS = Answer(
    log_likelihood=-52.2877955024,
    estimate={"b": [-39.91967442012, 0.7156402004853, 1.295286124389, -0.1521225191487], "sigma": 2.91816936744},
    standard_error={"b": [10.70324961379, 0.1213366848062, 0.3311244635151, 0.1406232852145], "sigma": 0.4502833091527},
    n=21,
    criteria={"aic": 114.575591005, "bic": 119.798203193},
)
STACKLOSS_HC0 = [6.41164946484, 0.158944260529, 0.446527688635, 0.0864294755696]

# Binomial, logit. menarche: Milicer & Szczotka (1966). f <- glm(cbind(Menarche, Total-Menarche) ~ Age, binomial,
# control=glm.control(epsilon=1e-16)); logLik(f); vcov(f): with a canonical link expected is observed.
AGE = numbers(
    """
    9.21 10.21 10.58 10.83 11.08 11.33 11.58 11.83 12.08 12.33 12.58 12.83 13.08 13.33 13.58 13.83 14.08 14.33 14.58
    14.83 15.08 15.33 15.58 15.83 17.58
    """
)
TOTAL = numbers("376 200 93 120 90 88 105 111 100 93 100 108 99 106 105 117 98 97 120 102 122 111 94 114 1049")
MENARCHE = numbers("0 0 0 2 2 5 10 17 16 29 39 51 47 67 81 88 79 90 113 95 117 107 92 112 1049")
MENARCHE_LOGIT = Answer(
    log_likelihood=-55.377627156552,
    estimate={"b": [-21.22639490517, 1.631968348228]},
    standard_error={"b": [0.7706858843874, 0.05895317461869]},
    n=25,
    criteria={"aic": 114.755254313, "bic": 117.193005963},
)

# Bernoulli, logit. mtcars: Henderson & Velleman (1981), from Motor Trend 1974. glm(am ~ wt, binomial, mtcars).
WEIGHT = numbers(
    """
    2.62 2.875 2.32 3.215 3.44 3.46 3.57 3.19 3.15 3.44 3.44 4.07 3.73 3.78 5.25 5.424 5.345 2.2 1.615 1.835 2.465
    3.52 3.435 3.84 3.845 1.935 2.14 1.513 3.17 2.77 3.57 2.78
    """
)
MANUAL = digits("11100000000000000111000001111111")
MTCARS_LOGIT = Answer(
    log_likelihood=-9.5880424037225,
    estimate={"b": [12.04036972866, -4.023969962173]},
    standard_error={"b": [4.510066238967, 1.436527752624]},
    n=32,
    criteria={"aic": 23.1760848074, "bic": 26.107556613},
)

# Poisson, log. warpbreaks: Tippett (1950). f <- glm(breaks ~ wool*tension, poisson, warpbreaks). The rows are nine of
# each cell: wool A and B, and within it tension L, M, H. HC0: sqrt(diag(sandwich::sandwich(f))).
BREAKS = numbers(
    """
    26 30 54 25 70 52 51 26 67 18 21 29 17 12 18 35 30 36 36 21 24 18 10 43 28 15 26 27 14 29 19 29 31 41 20 44 42
    26 19 16 39 28 21 39 29 20 21 24 17 13 15 15 16 28
    """
)
WOOL_B = np.repeat([0.0, 1.0], 27)
TENSION_M, TENSION_H = np.tile(np.repeat([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], 9, axis=1), 2)
WARPBREAKS = Answer(
    log_likelihood=-228.48460447068,
    estimate={
        "b": [3.79673684997, -0.456627160288, -0.6186830196224, -0.5957987257888, 0.6381768143034, 0.1883631736934]
    },
    standard_error={
        "b": [0.04993761694389, 0.08019210347691, 0.08440020862335, 0.08377739828774, 0.1221532109716, 0.1298954198623]
    },
    n=54,
    criteria={"aic": 468.969208941, "bic": 480.903113221},
)
WARPBREAKS_HC0 = [0.1276511377991, 0.1683655196196, 0.1707480462141, 0.1832482642587, 0.2276278515299, 0.2287770837068]

# Negative binomial, log. quine: Quine, in Aitkin (1978). MASS::glm.nb(Days ~ Eth+Sex+Age+Lrn, quine, control=
# glm.control(epsilon=1e-14)); AIC; BIC. glm.nb reports errors of the expected information with theta held
# (0.2284246 for the intercept). Observed:
# truth(function(t) -sum(dnbinom(Days, mu=exp(X %*% t[1:7]), size=t[8], log=TRUE)), ...).
# Rows: Aboriginal then not; male; form F0 to F3; slow learner.
ETH = digits(
    "0000000000000000000000000000000000000000000000000000000000000000000001111111111111111111111111111111"
    "1111111111111111111111111111111111111111111111"
)
SEX = digits(
    "1111111111111111111111111111111000000000000000000000000000000000000001111111111111111111111111111111"
    "1111000000000000000000000000000000000000000000"
)
FORM = digits(
    "0000000011111222222222223333333000001111111111111112222222223333333330000000001111111112222222222333"
    "3333000001111111111111111122222222223333333333"
)
SLOW = digits(
    "1110000011100111100000000000000100001111111111000001111111100000000001110000001111111001110000000000"
    "0000100001111111111100000011111111100000000000"
)
DAYS = numbers(
    """
    2 11 14 5 5 13 20 22 6 6 15 7 14 6 32 53 57 14 16 16 17 40 43 46 8 23 23 28 34 36 38 3 5 11 24 45 5 6 6 9 13 23
    25 32 53 54 5 5 11 17 19 8 13 14 20 47 48 60 81 2 0 2 3 5 10 14 21 36 40 6 17 67 0 0 2 7 11 12 0 0 5 5 5 11 17 3
    4 22 30 36 8 0 1 5 7 16 27 0 30 10 14 27 41 69 25 10 11 20 33 5 7 0 1 5 5 5 5 7 11 15 5 14 6 6 7 28 0 5 14 2 2 3
    8 10 12 1 1 9 22 3 3 5 15 18 22 37
    """
)
QUINE = Answer(
    log_likelihood=-546.57550914499,
    estimate={
        "b": [
            2.894579990249,
            -0.569371697358,
            0.08232028414575,
            -0.4484281498775,
            0.08808015211413,
            0.3569009714295,
            0.2921091570338,
        ],
        "alpha": 1.274892645062,
    },
    standard_error={
        "b": [
            0.2279261350626,
            0.1576086627153,
            0.164684744833,
            0.2376018648928,
            0.2415476454393,
            0.2466200455529,
            0.1829368449872,
        ],
        "alpha": 0.1610463306928,
    },
    n=146,
    criteria={"aic": 1109.15101829, "bic": 1133.01987126},
)

# Gamma, inverse and log link. Clotting times: McCullagh & Nelder (1989, pp. 300-2), as in ?glm.
# f <- glm(lot1 ~ log(u), Gamma); MASS::gamma.shape(f): alpha by ML. f <- glm(lot2 ~ log(u), Gamma(link="log")):
# with this link R's errors are of the expected information, CLOTTING_LOG_EXPECTED with dispersion=1/alpha; observed:
# truth(function(t) -sum(dgamma(lot2, shape=t[3], rate=t[3]/exp(t[1]+t[2]*log(u)), log=TRUE)), ...).
LOG_PLASMA = np.log(numbers("5 10 15 20 30 40 60 80 100"))
LOT1 = numbers("118 58 42 35 27 25 21 19 18")
LOT2 = numbers("69 35 26 21 18 16 13 12 12")
CLOTTING_INVERSE = Answer(
    log_likelihood=-15.994961758907,
    estimate={"b": [-0.0165543817262, 0.01534311491032], "alpha": 538.1315417238},
    standard_error={"b": [0.0008084650657997, 0.0003616847462095], "alpha": 253.5991106642},
    n=9,
)
CLOTTING_LOG = Answer(
    log_likelihood=-21.742041000216,
    estimate={"b": [4.918757534122, -0.5674356031213], "alpha": 58.93103619598},
    standard_error={"b": [0.1504739490457, 0.04353028462575], "alpha": 27.70212568222},
    n=9,
)
CLOTTING_LOG_EXPECTED = [0.15884746215, 0.0461663765041]

# Weibull with right censoring. ovarian: Edmunson et al. (1979). survival::survreg(Surv(futime, fustat) ~ ecog.ps + rx,
# ovarian, dist="weibull", rel.tolerance=1e-15): coefficients of log beta, alpha = 1/scale; its variance is of the
# observed information, for log(scale).
FUTIME = numbers(
    """
    59 115 156 421 431 448 464 475 477 563 638 744 769 770 803 855 1040 1106 1129 1206 1227 268 329 353 365 377
    """
)
FUSTAT = digits("11101011011000000000011110")
ECOG = digits("11211222122121122111221211")
RX = digits("11121122121222111122211222")
OVARIAN = Answer(
    log_likelihood=-97.084493168387,
    estimate={"b": [6.896693128583, -0.38504254935, 0.5286454962613], "alpha": 1.131384168174},
    standard_error={"b": [1.177547215555, 0.5270017814361, 0.5292019010378], "alpha": 0.2853499132989},
    n=26,
)

# Beta-binomial. Germination of Orobanche seeds: Crowder (1978), Applied Statistics 27, table 3.
# truth(function(t) { m <- plogis(t[1]+t[2]*seed+t[3]*extract+t[4]*seed*extract); a <- m*t[5]; b <- (1-m)*t[5];
#   -sum(lchoose(n,r) + lbeta(r+a,n-r+b) - lbeta(a,b)) }, ...): kappa = a + b.
GERMINATED = numbers("10 23 23 26 17 5 53 55 32 46 10 8 10 8 23 0 3 22 15 32 3")
SEEDS = numbers("39 62 81 51 39 6 74 72 51 79 13 16 30 28 45 4 12 41 30 51 7")
KIND_73 = digits("000000000001111111111")
CUCUMBER = digits("000001111110000011111")
OROBANCHE = Answer(
    log_likelihood=-53.766763364868,
    estimate={"b": [-0.5419505502217, 0.09739056970126, 1.320068261604, -0.7979247123837], "kappa": 79.90032595706},
    standard_error={"b": [0.1637844640594, 0.2736685963491, 0.2339767548547, 0.3779548212943], "kappa": 74.29093817877},
    n=21,
)

# Zero-inflated Poisson. Articles by 915 biochemists in the last three years of the doctorate: Long (1990), counted by
# sex. pscl::zeroinfl(art ~ fem | 1, bioChemists, reltol=1e-16): log mu = b[0] + b[1] woman, psi = 1 - plogis(zero).
ARTICLES = numbers("0 1 2 3 4 5 6 7 8 9 10 11 12 16 19")
MEN = [136, 135, 87, 54, 38, 16, 9, 11, 1, 2, 0, 1, 2, 1, 1]
WOMEN = [139, 111, 91, 30, 29, 11, 8, 1, 0, 0, 1, 0, 0, 0, 0]
BIOCHEMISTS = Answer(
    log_likelihood=-1670.2533777584,
    estimate={"b": [0.8556217788935, -0.243422642642], "psi": 0.7987572439636},
    standard_error={"b": [0.03702538034532, 0.05721684831459], "psi": 0.01860773400682},
    n=915,
)

# AR(1). lh: luteinizing hormone, Diggle (1990). arima(lh, order=c(1,0,0), method="ML", optim.control=list(reltol=
# 1e-16)) is exact: y[0] from the stationary law; rho = [c, rho], c = mu (1 - rho). lm(y[-1] ~ y[-n]) is conditional on
# y[0]. arima's errors are of a coarse numerical Hessian (0.11614 for rho); truth(...) gives 0.1162056.
LH = numbers(
    """
    2.4 2.4 2.4 2.2 2.1 1.5 2.3 2.3 2.5 2 1.9 1.7 2.2 1.8 3.2 3.2 2.7 2.2 2.2 1.9 1.9 1.8 2.7 3 2.3 2 2 2.9 2.9 2.7
    2.7 2.3 2.6 2.4 1.8 1.7 1.5 1.4 2.1 3.3 3.5 3.5 3.1 2.6 2.1 3.4 3 2.9
    """
)
LH_EXACT = Answer(
    log_likelihood=-29.379162386264,
    estimate={"rho": [1.028242141339, 0.5739243883793], "sigma": 0.4443979653759},
    standard_error={"rho": [0.2848133769336, 0.1162055642364], "sigma": 0.04536552226822},
    n=48,
)
LH_MEAN = Answer(
    log_likelihood=-29.379162386264,
    estimate={"mu": 2.413285607754, "rho": 0.5739243883793, "sigma": 0.4443979653759},
    standard_error={"mu": 0.146611624692, "rho": 0.1162055642364, "sigma": 0.04536552226822},
    n=48,
)
LH_CONDITIONAL = Answer(
    log_likelihood=-29.060847364098,
    estimate={"rho": [0.9998651719436, 0.585986971671], "sigma": 0.4490492846748},
    standard_error={"rho": [0.2936962622302, 0.1198224158344], "sigma": 0.04631589728309},
    n=47,
)

# Two normal components. faithful: Azzalini & Bowman (1990), waiting time in minutes.
# truth(function(t) -sum(log(t[1]*dnorm(y,t[2],t[4])+(1-t[1])*dnorm(y,t[3],t[5]))), c(.36,54.6,80.1,5.9,5.9)).
WAITING = numbers(
    """
    79 54 74 62 85 55 88 85 51 85 54 84 78 47 83 52 62 84 52 79 51 47 78 69 74 83 55 76 78 79 73 77 66 80 74 52 48
    80 59 90 80 58 84 58 73 83 64 53 82 59 75 90 54 80 54 83 71 64 77 81 59 84 48 82 60 92 78 78 65 73 82 56 79 71
    62 76 60 78 76 83 75 82 70 65 73 88 76 80 48 86 60 90 50 78 63 72 84 75 51 82 62 88 49 83 81 47 84 52 86 81 75
    59 89 79 59 81 50 85 59 87 53 69 77 56 88 81 45 82 55 90 45 83 56 89 46 82 51 86 53 79 81 60 82 77 76 59 80 49
    96 53 77 77 65 81 71 70 81 93 53 89 45 86 58 78 66 76 63 88 52 93 49 57 77 68 81 81 73 50 85 74 55 77 83 83 51
    78 84 46 83 55 81 57 76 84 77 81 87 77 51 78 60 82 91 53 78 46 77 84 49 83 71 80 49 75 64 76 53 94 55 76 50 82
    54 75 78 79 78 78 70 79 70 54 86 50 90 54 54 77 79 64 75 47 86 63 85 82 57 82 67 74 54 83 73 73 88 80 71 83 56
    79 78 84 58 83 43 60 75 81 46 90 46 74
    """
)
FAITHFUL = Answer(
    log_likelihood=-1034.0017498316,
    estimate={
        "w": [0.3608860737902, 0.6391139262098],
        "mu": [54.61485614062, 80.09106940273],
        "sigma": [5.871219412224, 5.867734423708],
    },
    standard_error={
        "w": [0.03116475468764, 0.03116475468764],
        "mu": [0.6996749794166, 0.5045947139974],
        "sigma": [0.5373223821961, 0.4009615039388],
    },
    n=272,
)

# Four data sets of the examples, by the same 50-digit route; they agree with the published digits. lifetimes 0.11.3
# gives BG/NBD errors 0.012557, 0.378221, 0.185719, 0.705345.
NBD = Answer(
    log_likelihood=-9763.6602222328,
    estimate={"r": 0.3847676740518, "alpha": 12.07208499097},
    standard_error={"r": 0.02098548790151, "alpha": 0.8087273424299},
    n=2357,
)
BG_NBD = Answer(
    log_likelihood=-9582.4255605674,
    estimate={"r": 0.2425929072045, "alpha": 4.413531561205, "a": 0.7928861480988, "b": 2.425753436494},
    standard_error={"r": 0.01255731958376, "alpha": 0.3782214155266, "a": 0.1857191430959, "b": 0.7053457551036},
    n=2357,
)
PUROMYCIN = Answer(
    log_likelihood=-44.635484324474,
    estimate={"Vm": 212.6837431425, "K": 0.06412128168157, "sigma": 9.981018712367},
    standard_error={"Vm": 6.536765658054, "K": 0.007952238893578, "sigma": 2.037366913206},
    n=12,
)
# R: glm(cbind(dead, n-dead) ~ I(sex=="M") + ldose, binomial).
BUDWORM = Answer(
    log_likelihood=-18.43373261682,
    estimate={"b": [-3.473155307087, 1.100743362995, 1.064213969919]},
    standard_error={"b": [0.468520379202, 0.3558271309194, 0.1310774895273]},
    n=12,
)
