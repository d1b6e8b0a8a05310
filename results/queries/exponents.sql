-- By which power does each curve grow? Least squares through the logarithms; what is no power law at all is left out.
SELECT task, name AS curve, x_name, y_name, params, backend, seed, count(*) AS points,
       regr_slope(ln(y), ln(x)) AS exponent, exp(regr_intercept(ln(y), ln(x))) AS factor,
       regr_r2(ln(y), ln(x)) AS r_squared
FROM series
WHERE x > 0 AND y > 0
GROUP BY ALL
HAVING count(DISTINCT x) >= 3 AND r_squared >= 0.5
ORDER BY task, curve, params, backend, seed;
