-- What the pipeline CopyToProcedure needs in its database.
CREATE TABLE [dbo].[Received] (
    id int NOT NULL,
    source nvarchar(20) NOT NULL,
    name nvarchar(100) NULL,
    amount decimal(18, 2) NOT NULL,
    CONSTRAINT pk_received PRIMARY KEY (id, source)
);
GO
CREATE TYPE [dbo].[ArrivalType] AS TABLE (
    id int NOT NULL PRIMARY KEY,
    name nvarchar(100) NULL,
    amount decimal(18, 2) NOT NULL
);
GO
CREATE PROCEDURE [dbo].[Receive] @arrivals [dbo].[ArrivalType] READONLY, @source nvarchar(20) AS
BEGIN
    SET NOCOUNT ON;
    UPDATE t SET amount = t.amount + a.amount, name = a.name
    FROM [dbo].[Received] AS t INNER JOIN @arrivals AS a ON a.id = t.id
    WHERE t.source = @source;
    INSERT INTO [dbo].[Received] (id, source, name, amount)
    SELECT a.id, @source, a.name, a.amount FROM @arrivals AS a
    WHERE NOT EXISTS (SELECT 1 FROM [dbo].[Received] AS t WHERE t.id = a.id AND t.source = @source);
END;
GO
