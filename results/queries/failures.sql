-- What failed and why? The experiments whose newest run failed, like ones together.
SELECT task, backend, device, status, reason, count(*) AS experiments, min(params::VARCHAR) AS for_example,
       max(finished) AS newest, arg_max(command, finished) AS command
FROM failure
GROUP BY task, backend, device, status, reason
ORDER BY experiments DESC, newest DESC;
